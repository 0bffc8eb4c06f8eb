//! A long job with a stream each way: `cargo run --example streaming` starts a server of its own, sends it documents while
//! it works, hears how far it is, and gets its result last; by threads and by tasks.

mod own_server;

use std::thread;

use own_server::OwnServer;
use rapace::{CallError, Rx, StreamError, Tx};
use serde::{Deserialize, Serialize};

#[rapace::service]
trait Indexer {
    /// Counts the words of all documents that come, and tells after each how far it is.
    fn index(&self, documents: Rx<String>, progress: Tx<Progress>) -> Result<u64, Unreadable>;
}

/// How far the job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    documents: u64,
    words: u64,
}

/// A document that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Unreadable {
    document: u64,
}

struct Words;

impl Indexer for Words {
    fn index(&self, documents: Rx<String>, mut progress: Tx<Progress>) -> Result<u64, Unreadable> {
        let mut now = Progress { documents: 0, words: 0 };
        // An error means that the caller is gone: then nobody waits for the result either.
        for document in documents.into_iter().map_while(Result::ok) {
            if document.contains('\0') {
                return Err(Unreadable { document: now.documents });
            }
            now.documents += 1;
            now.words += document.split_whitespace().count() as u64;
            // Nobody needs to hear of it.
            let _ = progress.send(now).wait();
        }
        Ok(now.words)
    }
}

const DOCUMENTS: u64 = 1_000;

fn document(number: u64) -> String {
    format!("the document of number {number} ").repeat(100)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("--serve") {
        let path = std::env::args().nth(2).ok_or("no path")?;
        let server = rapace::Server::new(IndexerServer::new(Words)).bind(path)?;
        println!("serving");
        return Ok(server.join()?);
    }
    let own = OwnServer::start()?;
    let indexer = IndexerClient::connect(&own.path)?;

    // Of each pair one end goes into the call, the other is kept. A thread sends, this one hears how far the job is.
    let ((mut documents, from), (to, progress)) = (rapace::stream(), rapace::stream());
    let call = indexer.index(from, to).start()?;
    let sending = thread::spawn(move || {
        // What is not read waits at the sender: no more than 256 KiB are on their way. The end of the thread drops its
        // end of the stream, and so tells the server that there are no more.
        (0..DOCUMENTS).try_for_each(|number| documents.send(document(number)).wait())
    });
    let mut last = None;
    for now in progress {
        let now = now?;
        if now.documents % 250 == 0 {
            println!("{} documents, {} words", now.documents, now.words);
        }
        last = Some(now);
    }
    let words = call.wait().map_err(|error| format!("{error:?}"))?;
    assert_eq!(sending.join().map_err(|_| "it panicked")?, Ok(()));
    assert_eq!((words, last), (500_000, Some(Progress { documents: DOCUMENTS, words })));
    println!("the result comes last: {words} words");

    // The job's own error ends it and its streams, whoever sends still.
    let ((mut documents, from), (to, _progress)) = (rapace::stream(), rapace::stream());
    let call = indexer.index(from, to).start()?;
    let ended = loop {
        if let Err(ended) = documents.send("\0".to_owned()).wait() {
            break ended;
        }
    };
    assert!(matches!(ended, StreamError::CallEnded | StreamError::Dropped));
    assert_eq!(call.wait(), Err(CallError::App(Unreadable { document: 0 })));
    println!("a job that fails: the sender is told that {ended}, and the result says why");

    // The same client, awaited: one task sends and listens.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let ((mut documents, from), (to, mut progress)) = (rapace::stream(), rapace::stream());
        let call = indexer.index(from, to).start_async().await?;
        for number in 1..=3 {
            documents.send(document(number)).await?;
            assert_eq!(progress.recv().await?, Some(Progress { documents: number, words: number * 500 }));
        }
        drop(documents);
        assert_eq!(call.await, Ok(1_500));
        println!("awaited: three documents, each heard of before the next is sent");
        Ok::<_, StreamError>(())
    })?;
    Ok(())
}
