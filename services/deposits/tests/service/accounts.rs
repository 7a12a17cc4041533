//! Accounts: opened, read, listed, and invisible to others.

use tollgate_commons::Environment;
use tollgate_commons::testing;
use tollgate_proto::deposits as proto;
use tonic::Code;

use crate::support::{SCOPES, bench, reason, tenant};

#[tokio::test]
async fn an_account_is_read_back_as_it_was_opened() {
    let bench = bench().await;
    let opened = bench.open_account("tenant-a").await;
    assert_eq!(opened.balance.as_ref().unwrap().minor_units, 0);
    let message =
        proto::GetDepositAccountRequest { deposit_account_id: opened.deposit_account_id.clone() };
    let request = bench.read(&tenant("tenant-a"), message);
    let read = bench.client().get_deposit_account(request).await.unwrap().into_inner();
    assert_eq!(read.deposit_account, Some(opened));
}

#[tokio::test]
async fn unknown_and_foreign_ids_are_the_same_answer() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let deposit = bench.register("tenant-a", &account, "ref-1").await.unwrap().deposit_id;
    let stranger = tenant("tenant-b");

    let mut accounts = Vec::new();
    for id in [account.as_str(), "acc_0192f0c1a3b47d7c8e9f0a1b2c3d4e5f", "", "'; --"] {
        let message = proto::GetDepositAccountRequest { deposit_account_id: id.into() };
        let request = bench.read(&stranger, message);
        let refused = bench.client().get_deposit_account(request).await.unwrap_err();
        accounts.push((refused.code(), refused.message().to_owned(), refused.details().to_vec()));
    }

    let mut deposits = Vec::new();
    for id in [deposit.as_str(), "dep_0192f0c1a3b47d7c8e9f0a1b2c3d4e5f"] {
        let request = bench.read(&stranger, proto::GetDepositRequest { deposit_id: id.into() });
        let refused = bench.client().get_deposit(request).await.unwrap_err();
        deposits.push((refused.code(), refused.message().to_owned(), refused.details().to_vec()));
    }

    for answers in [accounts, deposits] {
        assert_eq!(answers[0].0, Code::NotFound);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

#[tokio::test]
async fn a_row_of_the_other_environment_is_invisible_even_in_the_same_database() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    bench.database.sql("UPDATE deposit_accounts SET environment = 'live'").unwrap();
    let message = proto::GetDepositAccountRequest { deposit_account_id: account };
    let request = bench.read(&tenant("tenant-a"), message);
    let refused = bench.client().get_deposit_account(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn accounts_are_listed_page_by_page_and_only_ones_own() {
    let bench = bench().await;
    bench.open_account("tenant-b").await;
    for n in 0..5 {
        let message =
            proto::CreateDepositAccountRequest { currency: "EUR".into(), label: format!("{n}") };
        let request = bench.write(&tenant("tenant-a"), &format!("open {n}"), "", message);
        bench.client().create_deposit_account(request).await.unwrap();
    }

    let mut labels = Vec::new();
    let mut page_token = String::new();
    loop {
        let message = proto::ListDepositAccountsRequest { page_size: 2, page_token };
        let request = bench.read(&tenant("tenant-a"), message);
        let page = bench.client().list_deposit_accounts(request).await.unwrap().into_inner();
        assert!(page.deposit_accounts.len() <= 2);
        labels.extend(page.deposit_accounts.into_iter().map(|account| account.label));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(labels, ["4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn malformed_fields_are_refused_by_name_and_claim_nothing() {
    let bench = bench().await;
    for (currency, label, expected) in [
        ("eur", "", "NOT_A_CURRENCY"),
        ("EUR", "\u{7}", "LABEL_REFUSED"),
        ("EUR", &"x".repeat(65), "LABEL_REFUSED"),
    ] {
        let message =
            proto::CreateDepositAccountRequest { currency: currency.into(), label: label.into() };
        let request = bench.write(&tenant("tenant-a"), "same key", "", message);
        let refused = bench.client().create_deposit_account(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(reason(&refused), expected);
    }
    assert_eq!(bench.count("operations"), 0);
}

#[tokio::test]
async fn restricted_access_reads_and_does_not_write() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let mut restricted = testing::tenant("deposits", "tenant-a", Environment::Sandbox, SCOPES);
    restricted.access = tollgate_proto::principal::Access::ReadOnly.into();
    let message = proto::GetDepositAccountRequest { deposit_account_id: account.clone() };
    bench.client().get_deposit_account(bench.read(&restricted, message)).await.unwrap();
    let message = crate::support::registration(&account, 1, "r");
    let request = bench.write(&restricted, "key", "", message);
    let refused = bench.client().register_deposit(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(reason(&refused), "ACCESS_RESTRICTED");
    let mut frozen = restricted.clone();
    frozen.access = tollgate_proto::principal::Access::NoMoneyOut.into();
    let refund = proto::DepositFact::Refund.into();
    let message = proto::AdvanceDepositRequest { deposit_id: "dep_x".into(), fact: refund };
    let request = bench.write(&frozen, "refund", "", message);
    let refused = bench.client().advance_deposit(request).await.unwrap_err();
    assert_eq!(reason(&refused), "ACCESS_RESTRICTED");
}
