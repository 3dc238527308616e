//! The entry point of the function `mailer`: it reads the configuration, makes the clients and starts the runtime.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use mailer::{Deps, handler};
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    rekey::platform::telemetry::start();
    let deps = Deps::read(&environment, &Environment::read(&environment)?, Ambient::system())?;
    run(service_fn(async |event: LambdaEvent<_>| Ok::<_, Error>(handler(&deps, event.payload).await?))).await
}
