//! Buckets of S3-compatible stores. Their addresses come from accounts, so they are judged like those of webhooks: when they are
//! entered, and at each connection.

use super::model::{Addressing, Bucket};
use crate::api::address::Guard;
use anyhow::{Context, ensure};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Limited};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::path::Path;
use object_store::{ClientOptions, Error, RetryConfig};
use reqwest::Url;
use std::time::Duration;

/// How long a request may take, a part of a file included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of an answer is read: they say little.
const ANSWER_MAX: usize = 1024 * 1024;

/// The way to all buckets.
#[derive(Clone, Debug)]
pub struct Buckets {
    client: reqwest::Client,
    guard: Guard,
}

impl Buckets {
    /// By what may be called.
    pub fn new(guard: &Guard) -> anyhow::Result<Self> {
        Ok(Self { client: guard.client(PATIENCE)?, guard: guard.clone() })
    }

    /// Where a bucket is, or what is wrong with its address.
    pub fn address(&self, bucket: &Bucket) -> anyhow::Result<Url> {
        let mut url = self.guard.endpoint(&bucket.endpoint)?;
        ensure!(url.path() == "/" && url.query().is_none() && url.fragment().is_none(), "must have no path");
        if bucket.addressing == Addressing::VirtualHost {
            let host = url.domain().context("must be a name where the bucket is a part of it")?;
            let host = format!("{}.{host}", bucket.name);
            url.set_host(Some(&host)).context("must be an address with scheme and host")?;
        }
        Ok(url)
    }

    /// A bucket, for who has its secret key.
    pub fn open(&self, bucket: &Bucket, secret: &str) -> anyhow::Result<AmazonS3> {
        let address = self.address(bucket)?;
        let store = AmazonS3Builder::new()
            .with_endpoint(address.as_str().trim_end_matches('/'))
            .with_region(&bucket.region)
            .with_bucket_name(&bucket.name)
            .with_virtual_hosted_style_request(bucket.addressing == Addressing::VirtualHost)
            .with_access_key_id(&bucket.access_key)
            .with_secret_access_key(secret)
            // Attempts are counted, and seen, by who delivers.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(Transport(self.client.clone()));
        Ok(store.build()?)
    }
}

/// Whether it can be what a bucket is called.
pub fn is_name(name: &str) -> bool {
    let is_end = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.chars().all(|letter| is_end(letter) || letter == '.' || letter == '-')
        && name.starts_with(is_end)
        && name.ends_with(is_end)
        && !name.contains("..")
}

/// Whether files' names can begin so.
pub fn is_prefix(prefix: &str) -> bool {
    Path::parse(prefix).is_ok_and(|path| path == Path::from(prefix))
}

/// What went wrong at a store, for the account: nothing of what a server that it named has answered.
pub fn cause(error: Error) -> String {
    match error {
        Error::NotFound { .. } => "there is no such bucket".to_owned(),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            "the store does not let the key write to the bucket".to_owned()
        }
        error => {
            let error = anyhow::Error::from(error);
            let is_unreachable = error.chain().any(<dyn std::error::Error>::is::<reqwest::Error>);
            match error.chain().last().filter(|_| is_unreachable) {
                Some(root) => format!("the store could not be reached: {root}"),
                None => "the store did not take it".to_owned(),
            }
        }
    }
}

/// Our client as the store's.
#[derive(Clone, Debug)]
struct Transport(reqwest::Client);

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Transport {
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> BoxFuture<'f, Result<HttpResponse, HttpError>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let request = request.map(reqwest::Body::wrap);
            let request = reqwest::Request::try_from(request).map_err(failed)?;
            let answer = self.0.execute(request).await.map_err(failed)?;
            let (head, body) = axum::http::Response::<reqwest::Body>::from(answer).into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await;
            let body = body.map_err(|error| HttpError::new_boxed(HttpErrorKind::Decode, error))?;
            Ok(HttpResponse::from_parts(head, HttpResponseBody::from(body.to_bytes())))
        })
    }
}

/// The address may hold a key, so it is not part of the error.
fn failed(error: reqwest::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WebhookSettings;

    fn buckets() -> Buckets {
        let schemes = vec!["https".to_owned()];
        let settings = WebhookSettings { schemes, allowed_networks: Vec::new(), endpoints_per_account: 1 };
        Buckets::new(&Guard::new(&settings)).expect("a client")
    }

    fn bucket(endpoint: &str, addressing: Addressing) -> Bucket {
        let text = str::to_owned;
        Bucket {
            endpoint: text(endpoint),
            region: text("cn-north-4"),
            name: text("bills"),
            prefix: String::new(),
            addressing,
            access_key: text("AK"),
        }
    }

    #[test]
    fn an_address_is_that_of_a_store_on_the_open_internet() {
        let buckets = buckets();
        let address = |endpoint: &str, addressing| {
            buckets.address(&bucket(endpoint, addressing)).map(String::from).map_err(|error| error.to_string())
        };
        let (host, path) = (Addressing::VirtualHost, Addressing::Path);
        assert_eq!(address("https://s3.example.com:8443", host).as_deref(), Ok("https://bills.s3.example.com:8443/"));
        assert_eq!(address("https://s3.example.com", path).as_deref(), Ok("https://s3.example.com/"));
        assert_eq!(address("https://8.8.8.8", path).as_deref(), Ok("https://8.8.8.8/"));
        for (endpoint, addressing, rule) in [
            ("http://s3.example.com", host, "must begin with https://"),
            ("https://127.0.0.1", path, "its address is in a network that is not called"),
            ("https://169.254.169.254", path, "its address is in a network that is not called"),
            ("https://8.8.8.8", host, "must be a name where the bucket is a part of it"),
            ("https://s3.example.com/x", path, "must have no path"),
            ("https://s3.example.com/?x", path, "must have no path"),
        ] {
            assert_eq!(address(endpoint, addressing), Err(rule.to_owned()), "{endpoint}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_into_a_closed_network_is_not_called() {
        use object_store::ObjectStoreExt;
        let store = buckets().open(&bucket("https://localhost", Addressing::Path), "SK").expect("it is opened");
        let refused = store.put(&Path::from("x"), "y".into()).await.expect_err("it is not called");
        assert_eq!(cause(refused), "the store could not be reached: its address is in a network that is not called");
    }

    #[test]
    fn names_and_prefixes_are_what_stores_take() {
        for name in ["bills", "a.b-c", "123"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["Bills", "a..b", "-a", "a.", "a/b", "a_b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_prefix("") && is_prefix("bss/files"));
        assert!(!is_prefix("a//b") && !is_prefix("../a") && !is_prefix("a/./b") && !is_prefix("a#b"));
    }
}
