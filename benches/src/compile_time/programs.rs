//! The programs that are built: the same service, written for each product as its users write it.

/// What a program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// rapace, blocking.
    Rapace,
    /// rapace with the feature `tokio`, awaited.
    RapaceAwaited,
    /// tarpc over a Unix socket.
    Tarpc,
}

/// Methods in turn: parameters, result, a body, and arguments of a call.
const METHODS: [[&str; 4]; 5] = [
    ["a: u32, b: u32", "u32", "a.wrapping_add(b)", "1, 2"],
    ["name: String", "String", "name", "String::new()"],
    ["data: Vec<u8>", "Vec<u8>", "data", "Vec::new()"],
    ["point: Point", "Point", "point", "Point { x: 1.0, y: 2.0 }"],
    [
        "keys: Vec<String>, limit: Option<u32>",
        "Result<Vec<Point>, Fault>",
        "if limit == Some(0) { Err(Fault { text: keys.concat() }) } else { Ok(Vec::new()) }",
        "Vec::new(), Some(7)",
    ],
];

const TYPES: &str = "
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    x: f64,
    y: f64,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    text: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}
";

const RAPACE_MAIN: &str = "
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or(\"a path\")?;
    let _server = rapace::Server::new(BenchedServer::new(Serving)).bind(&path)?;
    call(&BenchedClient::connect(&path)?)
}
";

const RAPACE_AWAITED_MAIN: &str = "
#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or(\"a path\")?;
    let _server = rapace::aio::Server::new(BenchedServer::new(Serving)).bind(&path)?;
    call(&BenchedClient::connect_async(&path).await?).await
}
";

const TARPC_MAIN: &str = "
#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use futures::StreamExt;
    use tarpc::server::Channel;

    let path = std::env::args().nth(1).ok_or(\"a path\")?;
    let mut incoming = tarpc::serde_transport::unix::listen(&path, tarpc::tokio_serde::formats::Bincode::default).await?;
    tokio::spawn(async move {
        while let Some(Ok(transport)) = incoming.next().await {
            let channel = tarpc::server::BaseChannel::with_defaults(transport);
            let answering = channel.execute(Serving.serve()).for_each(|answer| async move {
                tokio::spawn(answer);
            });
            tokio::spawn(answering);
        }
    });
    let transport = tarpc::serde_transport::unix::connect(&path, tarpc::tokio_serde::formats::Bincode::default).await?;
    call(&BenchedClient::new(tarpc::client::Config::default(), transport).spawn()).await
}
";

impl Product {
    /// In the order of the report.
    pub const ALL: [Self; 3] = [Self::Rapace, Self::RapaceAwaited, Self::Tarpc];

    /// What it is called in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rapace => "rapace, blocking",
            Self::RapaceAwaited => "rapace, awaited",
            Self::Tarpc => "tarpc",
        }
    }

    /// The name of its package.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Rapace => "with-rapace",
            Self::RapaceAwaited => "with-rapace-awaited",
            Self::Tarpc => "with-tarpc",
        }
    }

    /// Its Cargo.toml.
    #[must_use]
    pub fn manifest(self) -> String {
        let rapace = concat!(env!("CARGO_MANIFEST_DIR"), "/../rapace");
        let tokio = "tokio = { version = \"1\", features = [\"macros\", \"net\", \"rt\"] }";
        let dependencies = match self {
            Self::Rapace => format!("rapace = {{ path = {rapace:?} }}"),
            Self::RapaceAwaited => format!("rapace = {{ path = {rapace:?}, features = [\"tokio\"] }}\n{tokio}"),
            Self::Tarpc => format!(
                "tarpc = {{ version = \"0.38\", features = [\"serde-transport-bincode\", \"unix\"] }}\n\
                 futures = \"0.3\"\n{tokio}"
            ),
        };
        format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
             {dependencies}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n[workspace]\n",
            self.package()
        )
    }

    /// Its program, with a service of so many methods.
    #[must_use]
    pub fn program(self, methods: usize) -> String {
        // What stands before the trait and its methods, in the implementation, and around a call.
        let [service, is_async, receiver, taken, context, end, main] = match self {
            Self::Rapace => ["rapace", "", "&self, ", "&self, ", "", ".wait()?", RAPACE_MAIN],
            Self::RapaceAwaited => ["rapace", "async ", "&self, ", "&self, ", "", ".await?", RAPACE_AWAITED_MAIN],
            Self::Tarpc => {
                let [taken, context] = ["self, _: tarpc::context::Context, ", "tarpc::context::current(), "];
                ["tarpc", "async ", "", taken, context, ".await?", TARPC_MAIN]
            }
        };
        let calling = if self == Self::Rapace { "" } else { "async " };
        let [mut declared, mut implemented, mut called] = [const { String::new() }; 3];
        for (number, [parameters, result, body, arguments]) in METHODS.iter().cycle().take(methods).enumerate() {
            declared += &format!("    {is_async}fn method_{number}({receiver}{parameters}) -> {result};\n");
            implemented += &format!(
                "    {is_async}fn method_{number}({taken}{parameters}) -> {result} {{\n        {body}\n    }}\n"
            );
            called += &format!("    println!(\"{{:?}}\", client.method_{number}({context}{arguments}){end});\n");
        }
        format!(
            "//! A service of {methods} methods, written by rapace's bench `compile_time`.\n{TYPES}\n\
             #[{service}::service]\npub trait Benched {{\n{declared}}}\n\n\
             #[derive(Clone)]\nstruct Serving;\n\nimpl Benched for Serving {{\n{implemented}}}\n\n\
             {calling}fn call(client: &BenchedClient) -> Result<(), Box<dyn std::error::Error>> {{\n\
             {called}    Ok(())\n}}\n{main}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_as_many_methods_as_it_is_asked_for() {
        for product in Product::ALL {
            let program = product.program(51);
            assert_eq!(program.matches("fn method_").count(), 2 * 51);
            assert_eq!(program.matches("client.method_").count(), 51);
        }
    }
}
