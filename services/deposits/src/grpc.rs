//! The gRPC side: checks a request, asks the store within one unit, answers.

mod convert;

use sqlx::PgPool;
use tollgate_commons::operation::{Begun, Operation, Scope, Unit};
use tollgate_commons::principal::{self, Audience, Effect, Principal, Verifier, Worlds};
use tollgate_commons::{Environment, Error, store as database};
use tollgate_proto::deposits as proto;
use tollgate_proto::deposits::deposits_service_server::{DepositsService, DepositsServiceServer};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::store::{Owner, View, accounts, deposits};

const READ: &str = "deposits:read";
const WRITE: &str = "deposits:write";

/// To whom principals must be addressed: this service, in the one environment it serves.
#[must_use]
pub fn audience(environment: Environment) -> Audience {
    Audience { service: "deposits", worlds: Worlds::One(environment) }
}

/// The service, behind the verifier.
#[must_use]
pub fn routes(pool: PgPool, verifier: Verifier) -> Routes {
    Routes::new(DepositsServiceServer::with_interceptor(Deposits { pool }, verifier))
}

#[derive(Debug)]
struct Deposits {
    pool: PgPool,
}

impl Deposits {
    async fn create_account(
        &self,
        request: Request<proto::CreateDepositAccountRequest>,
    ) -> Result<proto::CreateDepositAccountResponse, Error> {
        let scope = writer(&request, Effect::MoneyIn)?;
        let asked = request.into_inner();
        let currency = convert::currency("currency", &asked.currency)?;
        let label = convert::label(&asked.label)?;
        let mut unit = match self.begin(scope, "CreateDepositAccount").await?.or_earlier()? {
            Ok(unit) => unit,
            Err(earlier) => return Ok(earlier),
        };
        let account = match accounts::open(&mut unit, &currency, label).await {
            Ok(account) => account,
            Err(refusal) => return Err(unit.refuse(refusal.into()).await),
        };
        let answer = proto::CreateDepositAccountResponse {
            deposit_account: Some(convert::account(&account)),
        };
        unit.commit(&answer).await?;
        Ok(answer)
    }

    async fn register(
        &self,
        request: Request<proto::RegisterDepositRequest>,
    ) -> Result<proto::RegisterDepositResponse, Error> {
        let scope = writer(&request, Effect::MoneyIn)?;
        let asked = request.into_inner();
        let amount = convert::amount(asked.amount)?;
        let reference = convert::reference(&asked.reference)?;
        let mut unit = match self.begin(scope, "RegisterDeposit").await?.or_earlier()? {
            Ok(unit) => unit,
            Err(earlier) => return Ok(earlier),
        };
        let into = &asked.deposit_account_id;
        let deposit = match deposits::register(&mut unit, into, &amount, reference).await {
            Ok(deposit) => deposit,
            Err(refusal) => return Err(unit.refuse(refusal.into()).await),
        };
        let deposit = Some(convert::deposit(&deposit)?);
        let answer = proto::RegisterDepositResponse { deposit };
        unit.commit(&answer).await?;
        Ok(answer)
    }

    async fn advance(
        &self,
        request: Request<proto::AdvanceDepositRequest>,
    ) -> Result<proto::AdvanceDepositResponse, Error> {
        let fact = convert::fact(request.get_ref().fact);
        let out = fact.as_ref().is_ok_and(|fact| fact.sends_money_out());
        let scope = writer(&request, if out { Effect::MoneyOut } else { Effect::MoneyIn })?;
        let fact = fact?;
        let asked = request.into_inner();
        let mut unit = match self.begin(scope, "AdvanceDeposit").await?.or_earlier()? {
            Ok(unit) => unit,
            Err(earlier) => return Ok(earlier),
        };
        let deposit = match deposits::advance(&mut unit, &asked.deposit_id, fact).await {
            Ok(deposit) => deposit,
            Err(refusal) => return Err(unit.refuse(refusal.into()).await),
        };
        let deposit = Some(convert::deposit(&deposit)?);
        let answer = proto::AdvanceDepositResponse { deposit };
        unit.commit(&answer).await?;
        Ok(answer)
    }

    async fn account(
        &self,
        request: Request<proto::GetDepositAccountRequest>,
    ) -> Result<proto::GetDepositAccountResponse, Error> {
        let owner = reader(&request)?;
        let mut connection = self.connection().await?;
        let id = &request.get_ref().deposit_account_id;
        let account = View::new(&mut connection, owner).account(id).await?;
        let deposit_account = Some(convert::account(&account));
        Ok(proto::GetDepositAccountResponse { deposit_account })
    }

    async fn accounts(
        &self,
        request: Request<proto::ListDepositAccountsRequest>,
    ) -> Result<proto::ListDepositAccountsResponse, Error> {
        let owner = reader(&request)?;
        let asked = request.into_inner();
        let size = convert::page_size(asked.page_size)?;
        let before = Some(asked.page_token.as_str()).filter(|token| !token.is_empty());
        let mut connection = self.connection().await?;
        let mut found = View::new(&mut connection, owner).accounts(before, size + 1).await?;
        let more = i64::try_from(found.len()).unwrap_or(i64::MAX) > size;
        if more {
            found.pop();
        }
        let last = found.last().filter(|_| more);
        Ok(proto::ListDepositAccountsResponse {
            next_page_token: last.map(|a| a.deposit_account_id.clone()).unwrap_or_default(),
            deposit_accounts: found.iter().map(convert::account).collect(),
        })
    }

    async fn deposit(
        &self,
        request: Request<proto::GetDepositRequest>,
    ) -> Result<proto::GetDepositResponse, Error> {
        let owner = reader(&request)?;
        let mut connection = self.connection().await?;
        let id = &request.get_ref().deposit_id;
        let deposit = View::new(&mut connection, owner).deposit(id).await?;
        Ok(proto::GetDepositResponse { deposit: Some(convert::deposit(&deposit)?) })
    }

    async fn begin(&self, scope: Scope, method: &'static str) -> Result<Begun, Error> {
        Unit::begin(&self.pool, scope, method).await
    }

    async fn connection(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, Error> {
        let acquired = self.pool.acquire().await;
        acquired.map_err(|source| database::Error::doing("take a connection")(source).into())
    }
}

#[tonic::async_trait]
impl DepositsService for Deposits {
    async fn create_deposit_account(
        &self,
        request: Request<proto::CreateDepositAccountRequest>,
    ) -> Result<Response<proto::CreateDepositAccountResponse>, Status> {
        Ok(Response::new(self.create_account(request).await?))
    }

    async fn get_deposit_account(
        &self,
        request: Request<proto::GetDepositAccountRequest>,
    ) -> Result<Response<proto::GetDepositAccountResponse>, Status> {
        Ok(Response::new(self.account(request).await?))
    }

    async fn list_deposit_accounts(
        &self,
        request: Request<proto::ListDepositAccountsRequest>,
    ) -> Result<Response<proto::ListDepositAccountsResponse>, Status> {
        Ok(Response::new(self.accounts(request).await?))
    }

    async fn register_deposit(
        &self,
        request: Request<proto::RegisterDepositRequest>,
    ) -> Result<Response<proto::RegisterDepositResponse>, Status> {
        Ok(Response::new(self.register(request).await?))
    }

    async fn get_deposit(
        &self,
        request: Request<proto::GetDepositRequest>,
    ) -> Result<Response<proto::GetDepositResponse>, Status> {
        Ok(Response::new(self.deposit(request).await?))
    }

    async fn advance_deposit(
        &self,
        request: Request<proto::AdvanceDepositRequest>,
    ) -> Result<Response<proto::AdvanceDepositResponse>, Status> {
        Ok(Response::new(self.advance(request).await?))
    }
}

fn reader<T>(request: &Request<T>) -> Result<Owner, Error> {
    let principal: &Principal = principal::tenant(request)?;
    principal.require(READ, Effect::Read)?;
    let tenant_id = principal.tenant_id().into();
    Ok(Owner { tenant_id, environment: principal.environment() })
}

fn writer<T>(request: &Request<T>, effect: Effect) -> Result<Scope, Error> {
    let principal = principal::tenant(request)?;
    principal.require(WRITE, effect)?;
    let operation = Operation::required(request.metadata())?;
    Ok(Scope::of_call(principal, request.metadata(), Some(operation)))
}
