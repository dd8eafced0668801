//! `Json`, `Query` and `Path` with the vendor's refusals: 400 `CBC.0100` that names the field.
//!
//! They keep axum's names, by which utoipa recognises a request body. Unknown fields are ignored, as the vendor does: an
//! SDK newer than the server must still work. None of them lets a NUL in: the database takes no text with one.

use super::error::ApiError;
use crate::values::language::Language;
use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashSet;

const NO_NUL: &str = "must not hold a NUL";

/// A JSON body, in and out.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
            _ => ApiError::parameter("body", "could not be read to its end"),
        })?;
        parse_json(&bytes).map(Self)
    }
}

/// Reads a JSON body, which is an object in every operation: serde alone would also take a list of its fields' values.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::parameter("body", "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| ApiError::parameter(&field_name(error.path(), "body"), error.inner()))?;
    deserializer.end().map_err(|error| ApiError::parameter("body", error))?;
    refuse_nul(bytes)?;
    Ok(value)
}

/// Refuses JSON with a NUL in a text or in a field's name. Only the escape can write one, and hardly any JSON has it, so it is
/// rarely read a second time.
pub fn refuse_nul(json: &[u8]) -> Result<(), ApiError> {
    const ESCAPE: &[u8] = br"\u0000";
    if !json.windows(ESCAPE.len()).any(|bytes| bytes == ESCAPE) {
        return Ok(());
    }
    let value = serde_json::from_slice(json).map_err(|error| ApiError::parameter("body", error))?;
    match field_with_nul(&value) {
        None => Ok(()),
        Some(field) => Err(ApiError::parameter(field.trim_start_matches('.'), NO_NUL)),
    }
}

/// Where the first NUL of a value is: `.list[1].key`.
fn field_with_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(values) => {
            let mut places = values.iter().enumerate();
            places.find_map(|(place, value)| Some(format!("[{place}]{}", field_with_nul(value)?)))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let inner = if name.contains('\0') { String::new() } else { field_with_nul(value)? };
            Some(format!(".{name}{inner}"))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The field an error is about, or the whole where it is about none.
fn field_name(path: &serde_path_to_error::Path, whole: &str) -> String {
    match path.to_string().as_str() {
        "." | "?" => whole.to_owned(),
        field => field.to_owned(),
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Room for a page of a list, so that it is written without being moved.
        let mut body = Vec::with_capacity(4096);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

/// The parameters in the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if parts.uri.path().contains("%00") {
            return Err(ApiError::parameter("path", NO_NUL));
        }
        let given = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        given.map(|path| Self(path.0)).map_err(|rejection| {
            let PathRejection::FailedToDeserializePathParams(error) = rejection else {
                return ApiError::internal(rejection);
            };
            match error.into_kind() {
                ErrorKind::DeserializeError { key, message, .. } => ApiError::parameter(&key, message),
                other => ApiError::parameter("path", other),
            }
        })
    }
}

/// The query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// A query string with parameters that are lists, which may repeat.
#[derive(Debug)]
pub struct QueryWithLists<T>(pub T);

/// Says which parameters are lists.
pub trait Lists {
    /// Their names.
    const NAMES: &'static [&'static str];
}

impl<T: DeserializeOwned + Lists, S: Sync> FromRequestParts<S> for QueryWithLists<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parse_query_with_lists(parts.uri.query().unwrap_or_default(), T::NAMES).map(Self)
    }
}

/// Reads a query string in which these parameters are lists: their name repeats, or their values are divided by commas. A
/// list that is given without a value is empty.
pub fn parse_query_with_lists<T: DeserializeOwned>(query: &str, lists: &[&str]) -> Result<T, ApiError> {
    let mut fields = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        if lists.contains(&name.as_ref()) {
            let field = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            let values = text.split(',').filter(|value| !value.is_empty());
            field.as_array_mut().expect("lists are arrays").extend(values.map(Value::from));
        } else if fields.contains_key(name.as_ref()) {
            return Err(ApiError::parameter(&name, "is given more than once"));
        } else {
            fields.insert(name.into_owned(), Value::from(text));
        }
    }
    let value = serde_path_to_error::deserialize(Value::Object(fields))
        .map_err(|error| ApiError::parameter(&field_name(error.path(), "query"), error.inner()))?;
    refuse_nul_in_query(query)?;
    Ok(value)
}

/// Reads a query string. No parameter repeats, so one that does is refused rather than guessed at.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut seen = HashSet::new();
    for (name, _) in pairs {
        if let Some(name) = seen.replace(name) {
            return Err(ApiError::parameter(&name, "is given more than once"));
        }
    }
    let value = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs))
        .map_err(|error| ApiError::parameter(&field_name(error.path(), "query"), error.inner()))?;
    refuse_nul_in_query(query)?;
    Ok(value)
}

fn refuse_nul_in_query(query: &str) -> Result<(), ApiError> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, text)| name.contains('\0') || text.contains('\0')) {
        None => Ok(()),
        Some((name, _)) => Err(ApiError::parameter(&name, NO_NUL)),
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("x-language") else { return Ok(Self::default()) };
        value
            .to_str()
            .ok()
            .and_then(Self::parse)
            .ok_or_else(|| ApiError::parameter("X-Language", "must be zh_CN or en_US"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only the refusals are looked at")]
    struct Outer {
        list: Vec<Inner>,
        limit: Option<u8>,
    }

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only the refusals are looked at")]
    struct Inner {
        key: String,
    }

    fn refusal_of_body(body: &str) -> String {
        parse_json::<Outer>(body.as_bytes()).expect_err("the body is refused").message.into_owned()
    }

    #[test]
    fn a_body_refusal_names_the_field() {
        assert!(refusal_of_body(r#"{"list":[{"key":"a"},{"key":1}]}"#).contains("list[1].key"));
        assert!(refusal_of_body(r#"{"list":[{}]}"#).contains("`key`"));
        assert!(refusal_of_body(r#"{"list":[],"limit":300}"#).contains("limit"));
    }

    #[test]
    fn a_body_that_is_no_json_is_refused() {
        for body in ["", "{", r#"{"list":[]} x"#, "\u{feff}{}", "[]"] {
            assert!(refusal_of_body(body).starts_with("Parameter error. body"), "{body}: {}", refusal_of_body(body));
        }
    }

    #[test]
    fn a_body_with_a_nul_is_refused_by_the_field() {
        let refusal = |body: &str| parse_json::<Value>(body.as_bytes()).map_err(|error| error.message.into_owned());
        for (body, field) in [
            (r#"{"list":[{"key":"a"},{"key":"a\u0000"}]}"#, "list[1].key"),
            (r#"{"key":"\\\u0000"}"#, "key"),
            (r#"{"limits":{"a\u0000b":1}}"#, "limits.a\0b"),
        ] {
            assert_eq!(refusal(body), Err(format!("Parameter error. {field}: must not hold a NUL.")), "{body}");
        }
        let escaped = r#"{"key":"\\u0000"}"#;
        assert_eq!(refusal(escaped), Ok(serde_json::json!({"key": "\\u0000"})));
        let deep = format!(r#"{{"list":[],"unknown":{}"\u0000"{}}}"#, "[".repeat(200), "]".repeat(200));
        assert!(refusal_of_body(&deep).starts_with("Parameter error. body: "), "{}", refusal_of_body(&deep));
    }

    #[test]
    fn a_query_with_a_nul_is_refused_by_the_parameter() {
        let refusals = [
            parse_query::<Params>("other=%2500&name=a%00").map(drop),
            parse_query_with_lists::<Value>("other=1&name=a,%00", &["name"]).map(drop),
        ];
        for refusal in refusals {
            let message = refusal.map_err(|error| error.message.into_owned());
            assert_eq!(message, Err("Parameter error. name: must not hold a NUL.".to_owned()));
        }
        assert!(parse_query::<Params>("name=%2500").is_ok());
    }

    #[derive(Deserialize, Debug)]
    struct Params {
        name: Option<String>,
    }

    #[test]
    fn a_query_decodes_as_a_form_does() {
        let params: Params = parse_query("name=a+b%2Bc%E4%BA%AC&unknown=1").expect("it parses");
        assert_eq!(params.name.as_deref(), Some("a b+c京"));
    }

    #[test]
    fn a_list_repeats_and_nothing_else_does() {
        let read = |query: &str| parse_query_with_lists::<Value>(query, &["list"]).map_err(|error| error.message);
        let list = |query: &str| read(query).map(|value| value["list"].clone());
        assert_eq!(list("list=a&list=b%20c"), Ok(serde_json::json!(["a", "b c"])));
        assert_eq!(list("list=a,b"), Ok(serde_json::json!(["a", "b"])));
        assert_eq!((list("list="), list("other=1")), (Ok(serde_json::json!([])), Ok(Value::Null)));
        assert!(read("other=1&other=2").is_err_and(|message| message.contains("other: is given more than once")));
    }

    #[test]
    fn a_repeated_query_key_is_refused_by_name() {
        let refusal = parse_query::<Params>("name=a&name=b").expect_err("it repeats");
        assert!(refusal.message.contains("name: is given more than once"), "{}", refusal.message);
    }
}
