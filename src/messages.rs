//! Messages to people: mails over SMTP, texts for phones through a webhook of the operator's choice.
//!
//! Nobody waits for a server that is not ours. A message has a [`Place`] before anything is written, of which each way has so
//! many; once what it tells of is committed it is handed over, and sent beside all else. Another process's messages are its own:
//! they are not kept, since what they hold must not be, and who misses one asks for another.

use crate::config::MessageSettings;
use crate::values::receiver::Receiver;
use anyhow::{Context, ensure};
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A server that takes longer for a message has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a message is tried to be sent, and how long between two tries.
const TRIES_MAX: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
/// A message that could not be sent for so long is of no use any more.
const WORTH: Duration = Duration::from_mins(2);
/// How many messages a way sends at once.
const AT_ONCE: usize = 8;
/// How many it has in hand, those that wait to be sent included.
const IN_HAND_MAX: usize = 200;

/// A message.
pub struct Letter {
    /// To whom.
    pub receiver: Receiver,
    /// What it is about, for a mail.
    pub subject: &'static str,
    /// What it says.
    pub text: String,
}

/// Why a message cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no way to the receiver.
    #[error("{0} is not set: nothing can be sent there")]
    NoWay(&'static str),
    /// Too many messages wait for a server that is slow.
    #[error("too many messages wait to be sent")]
    Full,
}

/// Sends messages. Not `Debug`: addresses of servers may hold passwords.
#[derive(Clone)]
pub struct Messenger {
    mails: Option<Arc<Way>>,
    texts: Option<Arc<Way>>,
    keeps_readable: bool,
}

/// What carries messages. One that stands still holds up none of the other.
struct Way {
    name: &'static str,
    server: Server,
    in_hand: Arc<Semaphore>,
    at_once: Semaphore,
}

enum Server {
    Mail { transport: Box<AsyncSmtpTransport<Tokio1Executor>>, from: String },
    Texts { client: reqwest::Client, url: String },
}

impl Messenger {
    /// By the settings; nothing is connected yet.
    pub fn new(settings: &MessageSettings) -> anyhow::Result<Self> {
        let mails = match settings.smtp_url.reveal() {
            "" => None,
            url => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
                let transport = builder.context("messages.smtp_url")?.timeout(Some(PATIENCE)).build();
                Some(Way::new(
                    "mail",
                    Server::Mail { transport: Box::new(transport), from: settings.mail_from.clone() },
                ))
            }
        };
        let texts = match settings.sms_url.reveal() {
            "" => None,
            url => {
                let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
                Some(Way::new("text", Server::Texts { client: client.build()?, url: url.to_owned() }))
            }
        };
        Ok(Self { mails, texts, keeps_readable: settings.readable_codes })
    }

    /// Whether codes stay readable in the database; then they need not be sent.
    pub fn keeps_readable(&self) -> bool {
        self.keeps_readable
    }

    /// Keeps a place for a message to this receiver. Without a way to send it is refused, unless the text can be read in the
    /// database.
    pub fn place(&self, receiver: &Receiver) -> Result<Place, Refusal> {
        let (way, setting) = match receiver {
            Receiver::Email(_) => (&self.mails, "messages.smtp_url"),
            Receiver::Phone(_) => (&self.texts, "messages.sms_url"),
        };
        match way {
            Some(way) => way.clone().place(),
            None if self.keeps_readable => Ok(Place(None)),
            None => Err(Refusal::NoWay(setting)),
        }
    }

    /// Waits until all that was handed over has been sent or given up, for as long as one try takes: at the end of the process.
    pub async fn drain(&self) {
        let all = u32::try_from(IN_HAND_MAX).expect("it is small");
        let idle = async {
            for way in self.mails.iter().chain(&self.texts) {
                way.in_hand.acquire_many(all).await.ok();
            }
        };
        if tokio::time::timeout(PATIENCE, idle).await.is_err() {
            tracing::warn!("messages that could not be sent yet are given up");
        }
    }
}

/// A message's place among those in hand. Dropped, it is free again.
pub struct Place(Option<(Arc<Way>, OwnedSemaphorePermit)>);

impl Place {
    /// Hands the message over. Whether it arrives nobody waits for.
    pub fn send(self, letter: Letter) {
        let Some((way, permit)) = self.0 else { return };
        tokio::spawn(async move {
            let sent = tokio::time::timeout(WORTH, way.deliver(&letter)).await;
            let outcome = if sent.is_ok_and(|sent| sent) { "sent" } else { "failed" };
            metrics::counter!("bss_messages_total", "way" => way.name, "outcome" => outcome).increment(1);
            drop(permit);
            way.count();
        });
    }
}

impl Way {
    fn new(name: &'static str, server: Server) -> Arc<Self> {
        let in_hand = Arc::new(Semaphore::new(IN_HAND_MAX));
        Arc::new(Self { name, server, in_hand, at_once: Semaphore::new(AT_ONCE) })
    }

    fn place(self: Arc<Self>) -> Result<Place, Refusal> {
        let Ok(permit) = self.in_hand.clone().try_acquire_owned() else {
            metrics::counter!("bss_messages_total", "way" => self.name, "outcome" => "refused").increment(1);
            return Err(Refusal::Full);
        };
        self.count();
        Ok(Place(Some((self, permit))))
    }

    fn count(&self) {
        let in_hand = IN_HAND_MAX - self.in_hand.available_permits();
        metrics::gauge!("bss_messages_in_hand", "way" => self.name).set(u32::try_from(in_hand).unwrap_or(u32::MAX));
    }

    /// Tries to send it; whether it was sent.
    async fn deliver(&self, letter: &Letter) -> bool {
        for attempt in 1..=TRIES_MAX {
            let sent = {
                let _turn = self.at_once.acquire().await.expect("the semaphore is never closed");
                tokio::time::timeout(PATIENCE, self.server.send(letter)).await
            };
            match sent.context("the server says nothing").flatten() {
                Ok(()) => return true,
                Err(error) => tracing::warn!(way = self.name, attempt, %error, "a message could not be sent"),
            }
            if attempt < TRIES_MAX {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        }
        false
    }
}

impl Server {
    async fn send(&self, letter: &Letter) -> anyhow::Result<()> {
        match self {
            Self::Mail { transport, from } => {
                let message = Message::builder()
                    .from(from.parse().context("messages.mail_from")?)
                    .to(letter.receiver.as_str().parse().context("the receiver's address")?)
                    .subject(letter.subject)
                    .header(ContentType::TEXT_PLAIN)
                    .body(letter.text.clone())?;
                // What the server says may name the receiver, so only its code is part of the error.
                transport.send(message).await.map(drop).map_err(|error| match error.status() {
                    Some(code) => anyhow::anyhow!("the mail server refuses: {code}"),
                    None => anyhow::anyhow!("the mail server cannot be reached, or is none"),
                })
            }
            Self::Texts { client, url } => {
                let body = json!({ "receiver": letter.receiver.as_str(), "text": letter.text }).to_string();
                let request = client.post(url).header("content-type", "application/json").body(body);
                // The address may hold a key, so it is not part of the error.
                let answer = request.send().await.map_err(reqwest::Error::without_url)?;
                ensure!(answer.status().is_success(), "the server for texts answers {}", answer.status());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::values::receiver::{Email, Phone};
    use std::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn letter() -> Letter {
        let receiver = Receiver::Phone(Phone::parse("13800000001").expect("a phone"));
        Letter { receiver, subject: "", text: "123456".to_owned() }
    }

    async fn messenger() -> (Messenger, TcpListener) {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let mut settings = Settings::defaults().messages;
        let address = server.local_addr().expect("it is bound");
        settings.sms_url = format!("http://{address}/texts").into();
        settings.smtp_url = format!("smtp://{address}").into();
        (Messenger::new(&settings).expect("the settings are right"), server)
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_fills_its_own_way_and_holds_up_nobody() {
        let (messenger, _server) = messenger().await;
        let started = Instant::now();
        for _ in 0..IN_HAND_MAX {
            messenger.place(&letter().receiver).expect("there is a place").send(letter());
        }
        assert!(matches!(messenger.place(&letter().receiver), Err(Refusal::Full)));
        assert!(started.elapsed() < PATIENCE, "nobody waits");
        let mail = Receiver::Email(Email::parse("a@b.example").expect("an address"));
        assert!(messenger.place(&mail).is_ok(), "mails have places of their own");
    }

    #[tokio::test]
    async fn a_message_is_tried_again_and_its_place_is_free_when_it_has_arrived() {
        let (messenger, server) = messenger().await;
        messenger.place(&letter().receiver).expect("there is a place").send(letter());
        for answer in ["HTTP/1.1 503 Busy", "HTTP/1.1 200 OK"] {
            let (mut stream, _) = server.accept().await.expect("it is called");
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert!(stream.read_buf(&mut request).await.expect("it is sent") > 0);
            }
            let body = br#"{"receiver":"13800000001","text":"123456"}"#;
            assert!(request.ends_with(body), "{}", String::from_utf8_lossy(&request));
            let answer = format!("{answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("it is answered");
        }
        messenger.drain().await;
        assert_eq!(messenger.texts.expect("it is set").in_hand.available_permits(), IN_HAND_MAX);
    }
}
