//! Prints a story.
fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let story: story::Story = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    println!("{}", story::explanation(&story));
    let options = story::Columns { rows_max: Some(70), ..Default::default() };
    print!("{}", story::columns(&story, &options));
}
