//! The AWS clients, configured straight from the environment that Lambda sets.
//!
//! The variables are the SDKs' own (`AWS_REGION`, the credentials, `AWS_ENDPOINT_URL_<SERVICE>`). They are read here and not
//! through `aws-config`, whose chains of credential and region sources a function never needs, so that these stay out of every
//! cold start.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

use crate::platform::config::{ConfigError, Lookup, required};

/// The root certificates of every AWS endpoint (Amazon Trust Services, <https://www.amazontrust.com/repository/>). To parse the
/// system's whole store instead takes three quarters of a function's start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The configuration that the AWS clients of a function share.
#[derive(Clone)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
    http: SharedHttpClient,
    /// Whether calls have timeouts; a test's client has its own.
    timeouts: bool,
    endpoint: Option<String>,
    endpoints: [(Service, Option<String>); 4],
}

/// The services that functions talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    DynamoDb,
    Ses,
    /// SES too, where it is set up and no mail is sent.
    SesSetup,
    SecretsManager,
}

impl Service {
    const ALL: [Self; 4] = [Self::DynamoDb, Self::Ses, Self::SesSetup, Self::SecretsManager];

    const fn endpoint_variable(self) -> &'static str {
        match self {
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::Ses | Self::SesSetup => "AWS_ENDPOINT_URL_SESV2",
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        }
    }
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $sdk:ident, $service:expr, $attempts:expr) => {
        $(#[$doc])*
        pub fn $name(&self) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(self.region.clone())
                .credentials_provider(self.credentials.clone())
                .http_client(self.http.clone())
                .retry_config(RetryConfig::standard().with_max_attempts($attempts))
                .timeout_config(self.timeouts_of($service));
            let config = match self.endpoint_of($service) {
                Some(url) => config.endpoint_url(url),
                None => config,
            };
            $sdk::Client::from_conf(config.build())
        }
    };
}

impl Environment {
    /// Reads the variables that Lambda sets.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable that is missing, or when the root certificates cannot be used.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(Self { timeouts: true, ..Self::with_http_client(lookup, https_client()?)? })
    }

    /// Reads the same variables, and uses the given HTTP client, whose timeouts are its own. A test injects failures with it.
    pub fn with_http_client(lookup: &Lookup<'_>, http: SharedHttpClient) -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            required(lookup, "AWS_ACCESS_KEY_ID")?,
            required(lookup, "AWS_SECRET_ACCESS_KEY")?,
            lookup("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self {
            region: Region::new(required(lookup, "AWS_REGION")?),
            credentials,
            http,
            timeouts: false,
            endpoint: lookup("AWS_ENDPOINT_URL"),
            endpoints: Service::ALL.map(|service| (service, lookup(service.endpoint_variable()))),
        })
    }

    /// The timeouts of a call. A caller waits for the reply of the store, so an attempt that hangs is worth less than the next one.
    /// Nobody waits for SES, and a mail that it is about to take is not sent twice.
    fn timeouts_of(&self, service: Service) -> TimeoutConfig {
        let (attempt, whole) = match service {
            _ if !self.timeouts => return TimeoutConfig::disabled(),
            Service::Ses => (10, 10),
            Service::SesSetup => (10, 40),
            Service::DynamoDb | Service::SecretsManager => (2, 5),
        };
        TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(attempt))
            .operation_timeout(Duration::from_secs(whole))
            .build()
    }

    fn endpoint_of(&self, service: Service) -> Option<String> {
        let own = self.endpoints.iter().find(|(each, _)| *each == service).and_then(|(_, url)| url.clone());
        own.or_else(|| self.endpoint.clone())
    }

    client!(
        /// The client of DynamoDB, for the table.
        dynamodb, aws_sdk_dynamodb, Service::DynamoDb, 3
    );
    client!(
        /// The client of SES, for mail. One call is one attempt: SES may have taken a mail whose reply was lost, and would send it as
        /// often as it is asked. The mailer decides when to ask again.
        ses, aws_sdk_sesv2, Service::Ses, 1
    );
    client!(
        /// The client of SES, for identities. SES takes about one such call a second, so a throttled one is repeated.
        ses_setup, aws_sdk_sesv2, Service::SesSetup, 5
    );
    client!(
        /// The client of Secrets Manager, for keys.
        secrets, aws_sdk_secretsmanager, Service::SecretsManager, 3
    );
}

fn https_client() -> Result<SharedHttpClient, ConfigError> {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let context = TlsContext::builder().with_trust_store(roots).build().map_err(|_| ConfigError::Roots)?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    Ok(builder.tls_context(context).build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_is_taken() {
        let count = String::from_utf8_lossy(AMAZON_ROOTS).matches("BEGIN CERTIFICATE").count();
        assert_eq!(count, 5);
        assert!(https_client().is_ok());
    }

    #[test]
    fn a_mail_is_one_attempt_of_ten_seconds() {
        let lookup = |name: &str| (!name.contains("ENDPOINT")).then(|| "x".to_owned());
        let environment = Environment::read(&lookup).expect("an environment");
        let ses = environment.ses();
        let attempts = ses.config().retry_config().map(RetryConfig::max_attempts);
        let timeouts = ses.config().timeout_config().expect("timeouts");
        assert_eq!((attempts, timeouts.operation_timeout()), (Some(1), Some(Duration::from_secs(10))));
        let setup = environment.ses_setup();
        assert_eq!(setup.config().retry_config().map(RetryConfig::max_attempts), Some(5));
        let store = environment.dynamodb();
        assert_eq!(store.config().retry_config().map(RetryConfig::max_attempts), Some(3));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = Environment::read(&|name| (name != "AWS_REGION").then(|| "x".to_owned())).err();
        assert_eq!(error.expect("no region").to_string(), "AWS_REGION is not set");
    }

    #[test]
    fn a_service_has_its_own_endpoint_before_the_common_one() {
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL_DYNAMODB" => Some("http://own".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://common".to_owned()),
            _ => Some("x".to_owned()).filter(|_| name.starts_with("AWS_") && !name.contains("ENDPOINT")),
        };
        let environment = Environment::read(&lookup).expect("an environment");
        assert_eq!(environment.endpoint_of(Service::DynamoDb).as_deref(), Some("http://own"));
        assert_eq!(environment.endpoint_of(Service::Ses).as_deref(), Some("http://common"));
    }
}
