//! The entry point of the function `admin-link`: it reads the configuration, makes the clients and starts the runtime.

use admin_link::{Deps, invoke};
use lambda_runtime::{Error, run, service_fn};
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    rekey::platform::telemetry::start();
    let deps = Deps::read(&environment, &Environment::read(&environment)?, Ambient::system())?;
    run(service_fn(|event| Box::pin(invoke(&deps, event)))).await
}
