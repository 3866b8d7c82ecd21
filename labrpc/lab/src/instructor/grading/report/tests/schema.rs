//! As much of JSON Schema as the schemas here use. A word that is not known here is a mistake of the schema.

use serde_json::Value;

/// Asserts that a document is as its schema says.
#[track_caller]
pub fn assert_valid(schema: &str, document: &Value) {
    let errors = errors(schema, document);
    assert!(errors.is_empty(), "{errors:#?} in\n{document:#}");
}

/// What is wrong with a document, with where.
pub fn errors(schema: &str, document: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(&serde_json::from_str(schema).unwrap(), document, "$", &mut errors);
    errors
}

fn check(schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    for (word, wanted) in schema.as_object().unwrap() {
        let is_right = match word.as_str() {
            "$schema" | "title" | "properties" => true,
            "type" => wanted == kind_of(value) || (wanted == "number" && value.is_u64()),
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64() >= wanted.as_f64(),
            "minLength" => value.as_str().is_some_and(|text| text.len() as u64 >= wanted.as_u64().unwrap()),
            "pattern" => value.as_str().is_some_and(|text| matches(wanted.as_str().unwrap(), text)),
            "required" => {
                let is_there = |key: &Value| value.get(key.as_str().unwrap()).is_some();
                wanted.as_array().unwrap().iter().all(is_there)
            }
            "additionalProperties" => {
                let unknown = value.as_object().unwrap().keys().filter(|key| schema["properties"].get(key).is_none());
                unknown.for_each(|key| errors.push(format!("{place} has an unknown {key}")));
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.for_each(|(at, item)| check(wanted, item, &format!("{place}[{at}]"), errors));
                true
            }
            other => panic!("the schema has `{other}`, which is not known here"),
        };
        if !is_right {
            errors.push(format!("{place} is {value}, and {word} is {wanted}"));
        }
    }
    for (key, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.get(key) {
            check(schema, value, &format!("{place}.{key}"), errors);
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The two patterns that there are: a beginning, and a date in UTC.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_prefix('^').unwrap() {
        date if date.starts_with("\\d{4}") => {
            let digits: String =
                text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
            digits == "0000-00-00T00:00:00Z"
        }
        beginning => text.starts_with(beginning),
    }
}
