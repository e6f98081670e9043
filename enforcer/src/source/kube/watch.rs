//! One kind's watch: list, then follow; list again when the server has forgotten where we were.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use tokio::{sync::mpsc::Sender, time::sleep};

use super::{
    backoff::Backoff,
    fault::Fault,
    lines::Lines,
    reading::{Listed, Reading, Scope},
    request::{Continue, Server, is_of_rights},
    resource::Resource,
    wire::{Event, read_event, read_meta, read_page},
};
use crate::model::{Kind, ObjectName};

/// A connection that ends sooner was none: without a pause a server that closes at once would be asked in a circle.
const SHORTEST: Duration = Duration::from_secs(1);

/// A streaming list may take so many times as long as one answer: a server that passes over the option could go on
/// for ever with news.
const LIST_ANSWERS: u32 = 10;

/// What a watch tells.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// When its line was there.
    pub(super) at: Instant,
    pub(super) news: News,
}

/// What is new of a kind.
#[derive(Debug)]
pub(super) enum News {
    /// These are all objects.
    Listed {
        /// They.
        listed: Listed,
        /// Up to this version.
        version: String,
    },
    /// An object is there, new or changed.
    Put(Box<Reading>),
    /// An object is gone.
    Gone {
        /// It.
        name: ObjectName,
        /// Since this version.
        version: String,
    },
    /// The server answers, and there is nothing new up to this version.
    Alive(String),
    /// An attempt has failed.
    Failed(String),
}

/// The watch of one kind.
pub(super) struct Watch {
    pub(super) resource: &'static Resource,
    pub(super) server: Arc<Server>,
    pub(super) scope: Arc<Scope>,
    pub(super) messages: Sender<Message>,
    /// Everything up to here was told; `None` before the first list, and when it has to be made again.
    pub(super) version: Option<String>,
}

impl Watch {
    /// Watches until nobody listens any more.
    pub(super) async fn run(mut self) {
        let limits = &self.server.limits;
        let mut backoff = Backoff::new(limits.shortest_pause, limits.longest_pause);
        loop {
            let start = Instant::now();
            let result = match self.version.clone() {
                None => self.list().await,
                Some(version) => self.follow_from(&version).await,
            };
            let lasted = start.elapsed();
            if lasted >= SHORTEST {
                backoff.reset();
            }
            let pause = match result {
                Ok(Ended::Listed) => {
                    backoff.reset();
                    None
                }
                Err(Fault::Unheard) => return,
                // A watch that the server ended in its time, or whose version was forgotten meanwhile.
                Ok(Ended::Closed) | Err(Fault::Gone) if lasted >= SHORTEST => None,
                Ok(Ended::Closed) | Err(Fault::Gone) => Some(backoff.pause()),
                Err(fault) => {
                    let pause = backoff.pause();
                    let pause =
                        if let Fault::Throttled { after, .. } = fault { pause + after } else { pause };
                    // It may be another server that answers next.
                    self.server.note_streaming(true);
                    if self.tell(News::Failed(fault.to_string())).await.is_err() {
                        return;
                    }
                    Some(pause)
                }
            };
            if let Some(pause) = pause {
                sleep(pause).await;
            }
        }
    }

    /// Lists everything, as a stream where the server can; that goes on as a watch.
    async fn list(&mut self) -> Result<Ended, Fault> {
        if self.server.may_stream() {
            let streamed = match self.server.stream(self.resource.path).await {
                Ok(lines) => self.follow(lines, Some(Listed::default())).await,
                Err(fault) => Err(fault),
            };
            match streamed {
                Err(Fault::NoStream(why)) => {
                    tracing::debug!(kind = %self.resource.kind, why, "plain lists instead of streaming ones");
                    self.server.note_streaming(false);
                }
                other => return other,
            }
        }
        self.list_pages().await
    }

    async fn list_pages(&mut self) -> Result<Ended, Fault> {
        let mut listed = Listed::default();
        let mut from: Continue = None;
        loop {
            let text = self.server.page(self.resource.path, &from).await?;
            let page = read_page(&text)?;
            for raw in page.items.unwrap_or_default() {
                listed.add(self.read(raw)?);
            }
            from = page.metadata.continue_.filter(|token| !token.is_empty());
            if from.is_none() {
                let version = page.metadata.resource_version.filter(|version| !version.is_empty());
                let version = version.ok_or_else(|| Fault::Garbled("a list without a version".to_owned()))?;
                self.finish(listed, version).await?;
                return Ok(Ended::Listed);
            }
        }
    }

    async fn follow_from(&mut self, version: &str) -> Result<Ended, Fault> {
        let result = match self.server.watch(self.resource.path, version).await {
            Ok(lines) => {
                self.tell(News::Alive(version.to_owned())).await?;
                self.follow(lines, None).await
            }
            Err(fault) => Err(fault),
        };
        if result == Err(Fault::Gone) {
            tracing::debug!(kind = %self.resource.kind, version, "the version is too old: list again");
            self.version = None;
        }
        result
    }

    /// Reads a watch's lines. With `listing` they begin with the list itself.
    async fn follow(&mut self, mut lines: Lines, mut listing: Option<Listed>) -> Result<Ended, Fault> {
        let start = Instant::now();
        loop {
            let limits = &self.server.limits;
            if listing.is_some() && start.elapsed() > limits.answer * LIST_ANSWERS {
                return Err(Fault::NoStream("the list does not come to its end".to_owned()));
            }
            let patience = if listing.is_some() { limits.answer } else { limits.silence };
            let line = match lines.next(patience).await {
                Ok(Some(line)) => line,
                Ok(None) if listing.is_some() => {
                    return Err(Fault::Connection("the streaming list broke off".to_owned()));
                }
                // Silence of an established watch is no fault: it is asked anew, and who then does not answer is away.
                Ok(None) | Err(Fault::Silent(_)) if listing.is_none() => return Ok(Ended::Closed),
                // The option was passed over by a server that does not know it: it only waits for what is new.
                Err(Fault::Silent(_)) => {
                    return Err(Fault::NoStream("the list does not come to its end".to_owned()));
                }
                Ok(None) => return Ok(Ended::Closed),
                Err(fault) => return Err(fault),
            };
            let at = Instant::now();
            let event = match read_event(line) {
                // Taken for good, and then the storage cannot do it: an etcd before 3.4.25, or what stands in for etcd.
                Err(Fault::Refused { code, message }) if listing.is_some() && !is_of_rights(code) => {
                    return Err(Fault::NoStream(message));
                }
                event => event?,
            };
            match event {
                Event::Put(raw) => {
                    let reading = self.read(raw)?;
                    match &mut listing {
                        Some(listed) => listed.add(reading),
                        None => {
                            let version = reading.version.clone();
                            self.tell_at(at, News::Put(Box::new(reading))).await?;
                            self.version = Some(version);
                        }
                    }
                }
                Event::Gone(raw) => {
                    let meta = read_meta(raw)?;
                    let name =
                        ObjectName::new(meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default());
                    match &mut listing {
                        Some(listed) => listed.remove(&name),
                        None => {
                            let version = meta.resource_version;
                            let gone = News::Gone { name, version: version.clone().unwrap_or_default() };
                            self.tell_at(at, gone).await?;
                            self.version = version;
                        }
                    }
                }
                Event::Bookmark { version, ends_list } => match listing.take() {
                    Some(listed) if ends_list => self.finish(listed, version).await?,
                    Some(listed) => listing = Some(listed),
                    None => {
                        self.tell_at(at, News::Alive(version.clone())).await?;
                        self.version = Some(version);
                    }
                },
            }
        }
    }

    async fn finish(&mut self, listed: Listed, version: String) -> Result<(), Fault> {
        self.tell(News::Listed { listed, version: version.clone() }).await?;
        self.version = Some(version);
        Ok(())
    }

    fn read(&self, raw: &RawValue) -> Result<Reading, Fault> {
        (self.resource.read)(raw, &self.scope)
    }

    async fn tell(&self, news: News) -> Result<(), Fault> {
        self.tell_at(Instant::now(), news).await
    }

    async fn tell_at(&self, at: Instant, news: News) -> Result<(), Fault> {
        let message = Message { kind: self.resource.kind, at, news };
        self.messages.send(message).await.map_err(|_closed| Fault::Unheard)
    }
}

/// How an attempt ended that did not fail.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// The list is complete.
    Listed,
    /// The server closed the watch.
    Closed,
}
