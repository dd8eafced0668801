//! The Explorer at `/explorer/`: Swagger UI on the published document, with every call signed in the browser.
//!
//! Swagger UI's files come from the crate that vendors them; beside them are ours: the page, `signer.js`, which makes
//! the signature in plain JavaScript, `explorer.js`, which takes the credentials and explains a refusal, and
//! `swagger-initializer.js`, which ties them to Swagger UI in place of its own file of that name.

use crate::api::error::ApiError;
use crate::app::App;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// Nothing from elsewhere and no inline script, because the page holds a secret key. Swagger UI sets styles inline and
/// has its icons as data.
const SECURITY_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
/// Short: the files' names do not change with their content.
const CACHING: &str = "max-age=300";

/// The page, its files and the demo key.
pub fn router() -> Router<App> {
    Router::new()
        .route("/explorer", get(async || Redirect::permanent("/explorer/")))
        .route("/explorer/", get(async || file("index.html")))
        .route("/explorer/demo.json", get(demo_key))
        .route("/explorer/{*file}", get(async |Path(name): Path<String>| file(&name)))
}

/// Plain Swagger UI on the operators' document, for their listener.
pub fn operators_router() -> Router<App> {
    let page = async |name: &str| {
        let found = swagger_file(name, "/admin/openapi.json")?.ok_or_else(ApiError::no_such_api)?;
        answer(found)
    };
    Router::new()
        .route("/admin", get(async || Redirect::permanent("/admin/docs/")))
        .route("/admin/docs/", get(async move || page("index.html").await))
        .route("/admin/docs/{*file}", get(async move |Path(name): Path<String>| page(&name).await))
}

/// A file's content type and bytes, and whether they are compressed.
type File = (Cow<'static, str>, Cow<'static, [u8]>, bool);

fn swagger_file(name: &str, document: &str) -> Result<Option<File>, ApiError> {
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::from(document.to_owned())));
    let found = found.map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(found.map(|found| (found.content_type.into(), found.bytes, found.gzpipped)))
}

fn file(name: &str) -> Result<Response, ApiError> {
    let own = |content_type: &'static str, text: &'static str| (content_type.into(), text.as_bytes().into(), false);
    let found: File = match name {
        "index.html" => own("text/html; charset=utf-8", include_str!("index.html")),
        "explorer.css" => own("text/css; charset=utf-8", include_str!("explorer.css")),
        "explorer.js" => own("text/javascript; charset=utf-8", include_str!("explorer.js")),
        "signer.js" => own("text/javascript; charset=utf-8", include_str!("signer.js")),
        "swagger-initializer.js" => own("text/javascript; charset=utf-8", include_str!("swagger-initializer.js")),
        // The crate takes this for its own page, which lacks our scripts.
        "/" => return Err(ApiError::no_such_api()),
        _ => {
            // The configuration would only go into the initialiser, which is ours.
            swagger_file(name, "/openapi.json")?.ok_or_else(ApiError::no_such_api)?
        }
    };
    answer(found)
}

fn answer((content_type, bytes, is_compressed): File) -> Result<Response, ApiError> {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let content_type = HeaderValue::try_from(content_type.as_ref()).map_err(ApiError::internal)?;
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY_POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHING));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The key a sandbox gives to everybody; without one, an empty object.
#[derive(Serialize)]
struct DemoKey<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    access_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    secret_key: &'a str,
}

async fn demo_key(State(app): State<App>) -> Response {
    let explorer = &app.settings.explorer;
    let is_whole = !explorer.demo_access_key.is_empty() && !explorer.demo_secret_key.is_empty();
    let (access_key, secret_key) =
        if is_whole { (explorer.demo_access_key.as_str(), explorer.demo_secret_key.reveal()) } else { ("", "") };
    let headers =
        [(CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, SECURITY_POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, Json(DemoKey { access_key, secret_key })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    /// What the page loads: the values of `src` and `href`.
    fn loaded_files() -> Vec<&'static str> {
        let after = include_str!("index.html").split(" src=\"").flat_map(|part| part.split(" href=\"")).skip(1);
        after.map(|part| part.split('"').next().expect("a split has a first part")).collect()
    }

    #[test]
    fn every_file_the_page_loads_is_served_with_its_type_and_policy() {
        let files = loaded_files();
        assert_eq!(files.len(), 7, "{files:?}");
        for name in files {
            let response = file(name).unwrap_or_else(|error| panic!("{name}: {}", error.message));
            let content_type = response.headers()[CONTENT_TYPE].to_str().expect("ASCII");
            let expected = match name.rsplit_once('.').expect("an extension").1 {
                "js" => "text/javascript",
                "css" => "text/css",
                _ => "image/png",
            };
            assert!(content_type.starts_with(expected), "{name}: {content_type}");
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], SECURITY_POLICY);
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[test]
    fn the_page_has_no_inline_script() {
        for script in include_str!("index.html").split("<script").skip(1) {
            assert!(script.starts_with(" src=\""), "{script}");
        }
    }

    #[test]
    fn an_unknown_file_is_refused_like_an_unknown_operation() {
        for name in ["nothing.js", "../mod.rs", "/"] {
            let error = file(name).expect_err("no such file");
            assert_eq!((error.status, error.code), (StatusCode::NOT_FOUND, "APIGW.0101"));
        }
    }
}
