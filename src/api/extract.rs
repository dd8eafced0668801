//! `Json`, `Query` and `Path` with the vendor's refusals: 400 `CBC.0100` that names the field.
//!
//! They keep axum's names, by which utoipa recognises a request body. Unknown fields are ignored, as the vendor does: an
//! SDK newer than the server must still work. None of them lets a NUL in: the database takes no text with one.

use super::error::ApiError;
use crate::values::language::Language;
use crate::values::words::rule;
use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

const NO_NUL: &str = "must not hold a NUL";
/// Some editors and languages write it before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A JSON body, in and out.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let unknown = request.extensions().get::<UnknownFields>().cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
            _ => ApiError::parameter("body", "could not be read to its end"),
        })?;
        read_json(&bytes, &mut |field| {
            if let Some(unknown) = &unknown {
                unknown.note(field);
            }
        })
        .map(Self)
    }
}

/// A body that may be left out altogether, where all of its fields may.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        if axum::body::HttpBody::is_end_stream(request.body()) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// Fields of a body that are none of the operation's: a misspelt one does nothing, which its author should know. The gate puts
/// this beside requests in the sandbox.
#[derive(Clone, Debug, Default)]
pub struct UnknownFields(Arc<Mutex<Vec<String>>>);

/// More than these are not told.
const UNKNOWN_MAX: usize = 10;

impl UnknownFields {
    fn note(&self, field: String) {
        let mut fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if fields.len() < UNKNOWN_MAX {
            fields.push(field);
        }
    }

    /// What the header `Warning` says of them; nothing where there are none.
    pub fn warning(&self) -> Option<HeaderValue> {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_plain = |field: &&String| field.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        let names: Vec<&str> = fields.iter().filter(is_plain).map(String::as_str).collect();
        let text = format!("299 bss-gateway \"unknown fields are ignored: {}\"", names.join(", "));
        HeaderValue::try_from(text).ok().filter(|_| !names.is_empty())
    }
}

/// Reads a JSON body, which is an object in every operation: serde alone would also take a list of its fields' values.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    read_json(bytes, &mut |_| {})
}

/// Reads it, and tells which fields nobody asks for.
fn read_json<T: DeserializeOwned>(bytes: &[u8], ignored: &mut dyn FnMut(String)) -> Result<T, ApiError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::parameter("body", "must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut note = |path: serde_ignored::Path<'_>| ignored(path.to_string());
    let noting = serde_ignored::Deserializer::new(&mut deserializer, &mut note);
    let value = serde_path_to_error::deserialize(noting).map_err(|error| refused(&error, "body"))?;
    deserializer.end().map_err(|_| ApiError::parameter("body", "must be one JSON object and nothing else"))?;
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
    let value = serde_json::from_slice(json);
    let value = value.map_err(|error: serde_json::Error| ApiError::parameter("body", rule(&error.to_string())))?;
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

/// The refusal of what could not be read: by the field that it is about.
fn refused<E: Display>(error: &serde_path_to_error::Error<E>, whole: &str) -> ApiError {
    let (field, text) = (field_name(error.path(), whole), error.inner().to_string());
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let twice = text.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
    let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    if let Some((name, rest)) = unknown {
        let known = rest.split_once("expected ").map_or("", |(_, known)| known).trim_start_matches("one of ");
        return ApiError::parameter(name, format!("is unknown; there are {}", known.replace('`', "")));
    }
    let inner = |name: &str| if field == whole { name.to_owned() } else { format!("{field}.{name}") };
    match (missing, twice) {
        (Some(name), _) => ApiError::parameter(&inner(name), "is required"),
        (_, Some(name)) => ApiError::parameter(&inner(name), "is given more than once"),
        _ => ApiError::parameter(&field, rule(&text)),
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
                ErrorKind::DeserializeError { key, message, .. } => ApiError::parameter(&key, rule(&message)),
                ErrorKind::ParseErrorAtKey { key, .. } => ApiError::parameter(&key, "is malformed"),
                _ => ApiError::parameter("path", "is malformed"),
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
    let (mut fields, mut values) = (Vec::new(), Map::new());
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        if lists.contains(&name.as_ref()) {
            let field = values.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            let texts = text.split(',').filter(|value| !value.is_empty());
            field.as_array_mut().expect("lists are arrays").extend(texts.map(Value::from));
        } else {
            fields.push((name.into_owned(), Value::from(text)));
        }
    }
    let fields = MapDeserializer::new(fields.into_iter().chain(values));
    let value = serde_path_to_error::deserialize(fields)
        .map_err(|error: serde_path_to_error::Error<serde_json::Error>| refused(&error, "query"))?;
    refuse_nul_in_query(query)?;
    Ok(value)
}

/// Reads a query string. None of its parameters repeats, so one that does is refused rather than guessed at; what is none of
/// them is ignored, however often it is given.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    let value = serde_path_to_error::deserialize(pairs).map_err(|error| refused(&error, "query"))?;
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
        assert_eq!(refusal_of_body(r#"{"list":[{}]}"#), "Parameter error. list[0].key: is required.");
        assert_eq!(refusal_of_body("{}"), "Parameter error. list: is required.");
        assert!(refusal_of_body(r#"{"list":[],"limit":300}"#).contains("limit"));
    }

    #[test]
    fn a_body_that_is_no_json_is_refused() {
        for body in ["", "{", r#"{"list":[]} x"#, "\u{feff}", "[]"] {
            assert!(refusal_of_body(body).starts_with("Parameter error. body"), "{body}: {}", refusal_of_body(body));
        }
        assert!(parse_json::<Outer>("\u{feff}{\"list\":[]}".as_bytes()).is_ok(), "a byte order mark says nothing");
    }

    #[test]
    fn a_refusal_tells_what_is_allowed_and_nothing_of_the_parser_or_the_value() {
        for (body, words) in [
            (r#"{"list":[{"key":77}]}"#, "Parameter error. list[0].key: must be a text."),
            (r#"{"list":"77"}"#, "Parameter error. list: must be a list."),
            (r#"{"list":[77]}"#, "Parameter error. list[0]: must be an object."),
            (r#"{"list":[],"limit":"77x"}"#, "Parameter error. limit: must be an integer."),
            (r#"{"list":[],"limit":777}"#, "Parameter error. limit: must be an integer."),
            (r#"{"list":[],"limit":7,"limit":7}"#, "Parameter error. limit: is given more than once."),
            (r#"{"list":[}"#, "Parameter error. list[0]: is no well-formed JSON."),
        ] {
            assert_eq!(refusal_of_body(body), words, "{body}");
        }
    }

    #[test]
    fn a_field_that_nobody_asks_for_is_told() {
        let unknown = UnknownFields::default();
        let read = read_json::<Outer>(br#"{"list":[{"key":"a","kez":1}],"limti":1,"\u0022":1}"#, &mut |field| {
            unknown.note(field);
        });
        assert!(read.is_ok());
        let warning = unknown.warning().expect("there are some");
        assert_eq!(warning, "299 bss-gateway \"unknown fields are ignored: list.0.kez, limti\"");
        assert_eq!(UnknownFields::default().warning(), None);
    }

    #[test]
    fn what_is_no_parameter_may_repeat() {
        assert!(parse_query::<Params>("trace=1&name=a&trace=2").is_ok());
        assert!(parse_query_with_lists::<Params>("trace=1&name=a&trace=2", &["list"]).is_ok());
        for refusal in [parse_query::<Params>("name=a&name=b"), parse_query_with_lists("name=a&name=b", &["list"])] {
            assert_eq!(refusal.expect_err("it repeats").message, "Parameter error. name: is given more than once.");
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
    }
}
