//! A headless Chromium, spoken to over a pipe in its DevTools protocol: JSON messages that end in a zero byte.
//!
//! The pipe needs no client library, no port and no driver of the same version.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The browser and one open page.
pub struct Chromium {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// Errors of scripts, and lines that the page wrote to the console as errors or warnings.
    pub complaints: Vec<String>,
    profile: PathBuf,
}

/// Where Google's build is on macOS, which does not put it into the path.
const ON_MACOS: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// Where the browser is: `$CHROMIUM`, or a usual name in the path.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(PathBuf::from(named));
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let in_path = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    in_path.chain([PathBuf::from(ON_MACOS)]).find(|path| path.is_file())
}

impl Chromium {
    /// Starts the browser with a profile of its own, in a new folder below the build's folder for tests.
    pub fn start(binary: &Path, name: &str) -> Chromium {
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{name}-{}", std::process::id()));
        // The browser reads from descriptor 3 and writes to descriptor 4. The shell moves our pipes there.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, "sh"])
            .arg(binary)
            .args(["--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars"])
            // Only our own pages are opened; as root, as in many containers, the sandbox does not start.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts the browser");
        let requests = process.stdin.take().expect("it was piped");
        let answers = BufReader::new(process.stdout.take().expect("it was piped"));
        let mut browser =
            Chromium { process, requests, answers, session: None, sent: 0, complaints: Vec::new(), profile };
        let target = browser.request("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            browser.request("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.session = Some(attached["sessionId"].as_str().expect("a session has an id").to_string());
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.request(domain, json!({}));
        }
        browser
    }

    /// Sends a request and waits for its answer.
    pub fn request(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.requests.write_all(&bytes).expect("the browser reads");
        loop {
            let answer = self.read();
            if answer["id"] == json!(self.sent) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// Reads one message, and keeps what the page complains about.
    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes).expect("the browser writes");
        assert_eq!(bytes.pop(), Some(0), "the browser has ended");
        let message: Value = serde_json::from_slice(&bytes).expect("the browser writes JSON");
        let parameters = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters["exceptionDetails"].to_string()),
            Some("Log.entryAdded") => self.complaints.push(parameters["entry"].to_string()),
            Some("Runtime.consoleAPICalled") => self.complaints.push(parameters["args"].to_string()),
            _ => {}
        }
        message
    }

    fn wait_for(&mut self, event: &str) {
        while self.read()["method"] != json!(event) {}
    }

    /// Sets the size of the window. A phone also touches.
    pub fn resize(&mut self, width: u32, height: u32, phone: bool) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.request("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Opens a page and waits for its first picture.
    pub fn open(&mut self, file: &Path) {
        self.request("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        self.wait_for("Page.loadEventFired");
        self.evaluate(
            "new Promise(resolve => { const look = () => performance.getEntriesByName('first-picture').length \
             ? resolve(true) : setTimeout(look, 5); look(); setTimeout(() => resolve(false), 20000); })",
        );
    }

    /// The value of an expression, or of the promise that it gives.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.request("Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// The text of an expression.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.evaluate(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} gives {value}")).to_string()
    }

    /// The text that an element shows.
    pub fn text_of(&mut self, selector: &str) -> String {
        self.text(&format!("document.querySelector({selector:?})?.innerText ?? 'no such element'"))
    }

    /// Presses and releases a key.
    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        self.request("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": key, "text": text }));
        self.request("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// Moves the pointer to the middle of an element.
    pub fn hover(&mut self, selector: &str) -> (f64, f64) {
        let place = self.evaluate(&format!(
            "(() => {{ const box = document.querySelector({selector:?}).getBoundingClientRect(); \
             return [box.left + box.width / 2, box.top + box.height / 2]; }})()"
        ));
        let (x, y) = (place[0].as_f64().expect("a number"), place[1].as_f64().expect("a number"));
        self.request("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
        (x, y)
    }

    /// Clicks on the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let (x, y) = self.hover(selector);
        for kind in ["mousePressed", "mouseReleased"] {
            let parameters = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.request("Input.dispatchMouseEvent", parameters);
        }
    }
}

impl Chromium {
    /// What the window shows, as a PNG file.
    pub fn picture(&mut self) -> Vec<u8> {
        let taken = self.request("Page.captureScreenshot", json!({ "format": "png" }));
        decode_base64(taken["data"].as_str().expect("a picture is text"))
    }
}

fn decode_base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.bytes().filter(|letter| *letter != b'=').map(value).collect();
    // Four letters are three bytes.
    let bytes = letters.chunks(4).flat_map(|four| {
        let bits = (0..4).fold(0_u32, |bits, place| bits << 6 | u32::from(four.get(place).copied().unwrap_or(0)));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Asked to close, the browser ends all its processes and stops writing to its profile.
        let is_asked = self.requests.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0").is_ok();
        if !is_asked {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
