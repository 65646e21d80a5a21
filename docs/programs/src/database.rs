//! A database on loopback: a line `TENANT AMOUNT MEGABYTES` is a statement, and the answer is `ok`. The line `quit` closes the
//! connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The database, until the drop.
pub struct Database {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// The task that accepts connections, which owns the tasks of the connections.
    _server: JoinSet<io::Result<()>>,
}

struct Shared {
    /// A permit for every statement that is answered.
    answers: Semaphore,
    log: Mutex<Log>,
    /// The number of statements that have arrived.
    arrived: watch::Sender<usize>,
    /// The number of connections that the client has closed with `quit`.
    closed: watch::Sender<usize>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub tenant: String,
    pub amount: u64,
    pub megabytes: usize,
}

/// The statements and the connections so far.
#[derive(Clone, Default)]
pub struct Log {
    /// Every statement, in the order of arrival.
    pub statements: Vec<Statement>,
    /// The most statements at once, and the most megabytes of statements at once.
    pub peak: usize,
    pub peak_megabytes: usize,
    /// Whether two statements of a tenant were open at once.
    pub same_tenant: bool,
    /// The connections so far.
    pub opened: usize,
    open: Vec<Statement>,
}

impl Database {
    /// Starts the database. Statements wait until [`Database::answer`] admits an answer.
    ///
    /// # Errors
    ///
    /// Fails if loopback has no free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answers: Semaphore::new(0),
            log: Mutex::default(),
            arrived: watch::Sender::new(0),
            closed: watch::Sender::new(0),
        });
        let (mut server, for_server) = (JoinSet::new(), Arc::clone(&shared));
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (connection, _) = listener.accept().await?;
                connections.spawn(serve(Arc::clone(&for_server), connection));
            }
        });
        Ok(Self { shared, address, _server: server })
    }

    /// Returns the address for the clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Admits `statements` further answers.
    pub fn answer(&self, statements: usize) {
        self.shared.answers.add_permits(statements);
    }

    /// Waits until `statements` statements have arrived.
    ///
    /// # Panics
    ///
    /// Never: the sender of the number is in the database.
    pub async fn arrived(&self, statements: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        arrived
            .wait_for(|arrived| *arrived >= statements)
            .await
            .expect("the sender is in the database");
    }

    /// Waits until the client has closed every connection with `quit`.
    ///
    /// # Panics
    ///
    /// Never: the sender of the number is in the database.
    pub async fn all_closed(&self) {
        let mut closed = self.shared.closed.subscribe();
        let opened = self.log().opened;
        closed.wait_for(|closed| *closed == opened).await.expect("the sender is in the database");
    }

    /// Returns the statements and the connections so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.log().clone()
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, statement: &Statement) {
        let mut log = self.log();
        log.same_tenant |= log.open.iter().any(|open| open.tenant == statement.tenant);
        log.open.push(statement.clone());
        log.statements.push(statement.clone());
        log.peak = log.peak.max(log.open.len());
        log.peak_megabytes =
            log.peak_megabytes.max(log.open.iter().map(|open| open.megabytes).sum());
        drop(log);
        self.arrived.send_modify(|arrived| *arrived += 1);
    }

    fn close(&self, statement: &Statement) {
        let mut log = self.log();
        if let Some(at) = log.open.iter().position(|open| open == statement) {
            log.open.swap_remove(at);
        }
    }
}

fn parse(line: &str) -> Option<Statement> {
    let mut words = line.split_whitespace();
    let (tenant, amount, megabytes) = (words.next()?, words.next()?, words.next()?);
    Some(Statement {
        tenant: tenant.to_owned(),
        amount: amount.parse().ok()?,
        megabytes: megabytes.parse().ok()?,
    })
}

async fn serve(shared: Arc<Shared>, connection: TcpStream) -> io::Result<()> {
    shared.log().opened += 1;
    let mut connection = BufStream::new(connection);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        if line == "quit\n" {
            shared.closed.send_modify(|closed| *closed += 1);
            return Ok(());
        }
        let statement = parse(&line).ok_or(io::ErrorKind::InvalidData)?;
        shared.open(&statement);
        if let Ok(permit) = shared.answers.acquire().await {
            permit.forget();
        }
        shared.close(&statement);
        connection.write_all(b"ok\n").await?;
        connection.flush().await?;
    }
}
