//! Messages to people: mails over SMTP, texts for phones through a webhook of the operator's choice.

use crate::config::MessageSettings;
use crate::values::receiver::Receiver;
use anyhow::Context;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A server that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests hold a connection to the database while they send: a slow server must not hold them all.
const AT_ONCE: usize = 8;

/// Sends messages. Not `Debug`: addresses of servers may hold passwords.
#[derive(Clone)]
pub struct Messenger {
    mail: Option<AsyncSmtpTransport<Tokio1Executor>>,
    mail_from: String,
    sms: Option<(reqwest::Client, String)>,
    keeps_readable: bool,
    places: Arc<Semaphore>,
}

impl Messenger {
    /// By the settings; nothing is connected yet.
    pub fn new(settings: &MessageSettings) -> anyhow::Result<Self> {
        let mail = match settings.smtp_url.reveal() {
            "" => None,
            url => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
                Some(builder.context("messages.smtp_url")?.timeout(Some(PATIENCE)).build())
            }
        };
        let sms = match settings.sms_url.reveal() {
            "" => None,
            url => {
                let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
                Some((client.build()?, url.to_owned()))
            }
        };
        let (mail_from, keeps_readable) = (settings.mail_from.clone(), settings.readable_codes);
        Ok(Self { mail, mail_from, sms, keeps_readable, places: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Whether codes stay readable in the database; then they need not be sent.
    pub fn keeps_readable(&self) -> bool {
        self.keeps_readable
    }

    /// Sends a text. Without a way to send it is an error, unless the text can be read in the database.
    pub async fn send(&self, receiver: &Receiver, subject: &str, text: &str) -> anyhow::Result<()> {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        match (receiver, &self.mail, &self.sms) {
            (Receiver::Email(address), Some(server), _) => {
                let message = Message::builder()
                    .from(self.mail_from.parse().context("messages.mail_from")?)
                    .to(address.as_str().parse().context("the receiver's address")?)
                    .subject(subject)
                    .header(ContentType::TEXT_PLAIN)
                    .body(text.to_owned())?;
                let sent =
                    tokio::time::timeout(PATIENCE, server.send(message)).await.context("the mail server is slow")?;
                // What the server says may name the receiver, so only its code is part of the error.
                sent.map(drop).map_err(|error| match error.status() {
                    Some(code) => anyhow::anyhow!("the mail server refuses: {code}"),
                    None => anyhow::anyhow!("the mail server cannot be reached, or is none"),
                })
            }
            (Receiver::Phone(phone), _, Some((client, url))) => {
                let body = json!({ "receiver": phone.as_str(), "text": text }).to_string();
                let request = client.post(url).header("content-type", "application/json").body(body);
                // The address may hold a key, so it is not part of the error.
                request
                    .send()
                    .await
                    .and_then(reqwest::Response::error_for_status)
                    .map_err(reqwest::Error::without_url)?;
                Ok(())
            }
            _ if self.keeps_readable => Ok(()),
            (Receiver::Email(_), ..) => anyhow::bail!("messages.smtp_url is not set: mails cannot be sent"),
            (Receiver::Phone(_), ..) => anyhow::bail!("messages.sms_url is not set: texts cannot be sent"),
        }
    }
}
