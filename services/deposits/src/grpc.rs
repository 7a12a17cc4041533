//! The gRPC side: authorises a call, checks its fields, runs the command or the query, answers.
//!
//! Every RPC is one method here; its decision is one function of `store`.

mod convert;

use sqlx::PgPool;
use sqlx::pool::PoolConnection;
use tollgate_commons::operation::{self, CommandContext, Operation};
use tollgate_commons::principal::{self, Audience, Effect, ServedEnvironments, Verifier};
use tollgate_commons::request::{PageRequest, label};
use tollgate_commons::{Environment, Error, store as database};
use tollgate_proto::deposits as proto;
use tollgate_proto::deposits::deposits_service_server::{DepositsService, DepositsServiceServer};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::error;
use crate::store::{Owner, View, accounts, deposits};

const READ: &str = "deposits:read";
const WRITE: &str = "deposits:write";

/// Returns the audience of principals: this service, in the one environment that it serves.
#[must_use]
pub fn audience(environment: Environment) -> Audience {
    Audience { service: "deposits", environments: ServedEnvironments::One(environment) }
}

/// Returns the service behind the verifier.
#[must_use]
pub fn routes(pool: PgPool, verifier: Verifier) -> Routes {
    Routes::new(DepositsServiceServer::with_interceptor(Deposits { pool }, verifier))
}

#[derive(Debug)]
struct Deposits {
    pool: PgPool,
}

impl Deposits {
    async fn connection(&self) -> Result<PoolConnection<sqlx::Postgres>, Error> {
        let acquired = self.pool.acquire().await;
        acquired.map_err(|source| database::Error::doing("acquire a connection")(source).into())
    }
}

#[tonic::async_trait]
impl DepositsService for Deposits {
    async fn create_deposit_account(
        &self,
        request: Request<proto::CreateDepositAccountRequest>,
    ) -> Result<Response<proto::CreateDepositAccountResponse>, Status> {
        let context = authorise_write(&request, Effect::MoneyIn)?;
        let message = request.into_inner();
        let currency = convert::currency("currency", &message.currency)?;
        let label = label(message.label)?;

        let method = "CreateDepositAccount";
        let answer = operation::run(&self.pool, context, method, async |unit| {
            let account = accounts::open(unit, &currency, &label).await?;
            let deposit_account = Some(convert::account(&account));
            Ok::<_, error::Error>(proto::CreateDepositAccountResponse { deposit_account })
        });
        Ok(Response::new(answer.await?))
    }

    async fn get_deposit_account(
        &self,
        request: Request<proto::GetDepositAccountRequest>,
    ) -> Result<Response<proto::GetDepositAccountResponse>, Status> {
        let owner = authorise_read(&request)?;
        let id = &request.get_ref().deposit_account_id;

        let mut connection = self.connection().await?;
        let account = View::new(&mut connection, owner).account(id).await?;
        let deposit_account = Some(convert::account(&account));
        Ok(Response::new(proto::GetDepositAccountResponse { deposit_account }))
    }

    async fn list_deposit_accounts(
        &self,
        request: Request<proto::ListDepositAccountsRequest>,
    ) -> Result<Response<proto::ListDepositAccountsResponse>, Status> {
        let owner = authorise_read(&request)?;
        let message = request.into_inner();
        let page = PageRequest::read(message.page_size, message.page_token)?;

        let mut connection = self.connection().await?;
        let accounts = View::new(&mut connection, owner).accounts(&page).await?;
        let page = page.page(accounts, |account| &account.deposit_account_id);
        Ok(Response::new(proto::ListDepositAccountsResponse {
            deposit_accounts: page.rows.iter().map(convert::account).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn register_deposit(
        &self,
        request: Request<proto::RegisterDepositRequest>,
    ) -> Result<Response<proto::RegisterDepositResponse>, Status> {
        let context = authorise_write(&request, Effect::MoneyIn)?;
        let message = request.into_inner();
        let amount = convert::amount(message.amount)?;
        let reference = convert::reference(&message.reference)?;

        let answer = operation::run(&self.pool, context, "RegisterDeposit", async |unit| {
            let account_id = &message.deposit_account_id;
            let deposit = deposits::register(unit, account_id, &amount, reference).await?;
            let deposit = Some(convert::deposit(&deposit)?);
            Ok::<_, error::Error>(proto::RegisterDepositResponse { deposit })
        });
        Ok(Response::new(answer.await?))
    }

    async fn get_deposit(
        &self,
        request: Request<proto::GetDepositRequest>,
    ) -> Result<Response<proto::GetDepositResponse>, Status> {
        let owner = authorise_read(&request)?;
        let id = &request.get_ref().deposit_id;

        let mut connection = self.connection().await?;
        let deposit = View::new(&mut connection, owner).deposit(id).await?;
        let deposit = Some(convert::deposit(&deposit)?);
        Ok(Response::new(proto::GetDepositResponse { deposit }))
    }

    async fn advance_deposit(
        &self,
        request: Request<proto::AdvanceDepositRequest>,
    ) -> Result<Response<proto::AdvanceDepositResponse>, Status> {
        // The effect depends on the fact; a caller without permission does not learn that its fact
        // is unknown.
        let fact = convert::fact(request.get_ref().fact);
        let sends_money_out = fact.as_ref().is_ok_and(|fact| fact.sends_money_out());
        let effect = if sends_money_out { Effect::MoneyOut } else { Effect::MoneyIn };
        let context = authorise_write(&request, effect)?;
        let fact = fact?;
        let message = request.into_inner();

        let answer = operation::run(&self.pool, context, "AdvanceDeposit", async |unit| {
            let deposit = deposits::advance(unit, &message.deposit_id, fact).await?;
            let deposit = Some(convert::deposit(&deposit)?);
            Ok::<_, error::Error>(proto::AdvanceDepositResponse { deposit })
        });
        Ok(Response::new(answer.await?))
    }
}

fn authorise_read<T>(request: &Request<T>) -> Result<Owner, Error> {
    let principal = principal::tenant(request)?;
    principal.require(READ, Effect::Read)?;
    let tenant_id = principal.tenant_id().into();
    Ok(Owner { tenant_id, environment: principal.environment() })
}

fn authorise_write<T>(request: &Request<T>, effect: Effect) -> Result<CommandContext, Error> {
    let principal = principal::tenant(request)?;
    principal.require(WRITE, effect)?;
    let operation = Operation::required(request.metadata())?;
    Ok(CommandContext::for_call(principal, request.metadata(), Some(operation)))
}
