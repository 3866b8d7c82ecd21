//! The styles and scripts of the page, joined in order.

/// Each file's name and text, in the order of the array.
macro_rules! files {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../", $folder, "/", $name)))),+]
    };
}

/// Later files override earlier ones: the phone and the printer come last.
const STYLES: &[(&str, &str)] = files!("styles":
    "colours.css",
    "base.css",
    "header.css",
    "toolbar.css",
    "diagram.css",
    "picture.css",
    "panel.css",
    "logs.css",
    "phone.css",
    "print.css",
);

/// In reading order: the data, what follows from it, the picture, the panel, the reader's actions. A file may call
/// functions of a later one, but only after `start.js` has begun.
const SCRIPTS: &[(&str, &str)] = files!("scripts":
    "data.js",
    "format.js",
    "run.js",
    "words.js",
    "view.js",
    "layout.js",
    "glyphs.js",
    "lanes.js",
    "messages.js",
    "clash.js",
    "cause.js",
    "rows.js",
    "draw.js",
    "heads.js",
    "panel.js",
    "logs.js",
    "operations.js",
    "curve.js",
    "twin.js",
    "minimap.js",
    "copy.js",
    "moving.js",
    "search.js",
    "filters.js",
    "key.js",
    "keys.js",
    "print.js",
    "start.js",
);

pub(crate) fn styles() -> String {
    STYLES.iter().map(|(name, text)| format!("/* {name} */\n{text}")).collect()
}

/// The script, in strict mode.
pub(crate) fn script() -> String {
    let parts: String = SCRIPTS.iter().map(|(name, text)| format!("// ==== {name} ====\n{text}\n")).collect();
    format!("'use strict';\n{parts}")
}
