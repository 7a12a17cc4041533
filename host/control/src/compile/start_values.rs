//! Values that are read at the start only. A reload names those that differ; it keeps none of them
//! silently.

use std::net::SocketAddr;

use tollgate_config::{
    AccessLogConfig, Config, DrainConfig, EngineConfig, ListenerConfig, StoresConfig,
};

/// The values that the process started with.
#[derive(Debug)]
pub(super) struct StartValues {
    listeners: Vec<ListenerConfig>,
    admin_address: Option<SocketAddr>,
    admin_hosts: Vec<String>,
    has_admin_token_file: bool,
    engine: EngineConfig,
    stores: StoresConfig,
    access_log: AccessLogConfig,
    drain: DrainConfig,
    problem_type_base: String,
}

impl StartValues {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            listeners: config.listeners().to_vec(),
            admin_address: config.admin().map(|address| **address),
            admin_hosts: config.admin_hosts().to_vec(),
            has_admin_token_file: config.admin_token().is_some(),
            engine: config.engine().clone(),
            stores: config.stores().clone(),
            access_log: config.access_log().clone(),
            drain: config.drain(),
            problem_type_base: config.problem_type_base().to_owned(),
        }
    }

    /// Lists the keys whose values differ from those at the start.
    pub(super) fn differing(&self, config: &Config) -> Vec<String> {
        let now = Self::of(config);
        let tables = [
            ("admin.address", self.admin_address == now.admin_address),
            ("admin.hosts", self.admin_hosts == now.admin_hosts),
            // A token that was drawn at the start cannot take the place of one from a file.
            ("admin.token_file", !self.has_admin_token_file || now.has_admin_token_file),
            ("engine", self.engine == now.engine),
            ("stores", self.stores == now.stores),
            ("access_log", self.access_log == now.access_log),
            ("drain", self.drain == now.drain),
            ("errors.type_base", self.problem_type_base == now.problem_type_base),
        ];
        let tables = tables.into_iter().filter(|(_, is_same)| !is_same);
        let mut keys = self.differing_listeners(&now);
        keys.extend(tables.map(|(key, _)| key.to_owned()));
        keys
    }

    fn differing_listeners(&self, now: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        for new in &now.listeners {
            let table = format!("listeners.{}", new.name);
            let Some(old) = self.listeners.iter().find(|old| old.name == new.name) else {
                keys.push(table);
                continue;
            };
            let values = [
                ("address", old.address == new.address),
                ("tls", old.tls.is_some() == new.tls.is_some()),
                ("proxy_protocol", old.proxy_protocol == new.proxy_protocol),
                ("connections_max", old.connections_max == new.connections_max),
                (
                    "connections_per_address_max",
                    old.connections_per_address_max == new.connections_per_address_max,
                ),
                ("idle_timeout_ms", old.idle_timeout == new.idle_timeout),
            ];
            let values = values.into_iter().filter(|(_, is_same)| !is_same);
            keys.extend(values.map(|(key, _)| format!("{table}.{key}")));
        }

        let is_gone = |old: &&ListenerConfig| now.listeners.iter().all(|new| new.name != old.name);
        let gone = self.listeners.iter().filter(is_gone);
        keys.extend(gone.map(|old| format!("listeners.{}", old.name)));
        keys
    }
}
