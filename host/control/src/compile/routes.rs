//! Routes: templates, transcoders and the table that finds them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use http::uri::PathAndQuery;
use tollgate_chain::{GrpcMethod, Methods, Route, RouteTable, RouteTableError, Template};
use tollgate_config::{
    BodyMapping, Config, ConfigProblem, DescriptorsConfig, Located, RouteConfig, RouteMatchConfig,
    with_causes,
};
use tollgate_proxy::{Binding, Call};
use tollgate_transcode::{Body, Descriptors, HttpBinding, Transcoder};

/// Compiled routes.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) table: RouteTable,
    pub(super) bindings: Vec<Binding>,
}

/// Where a Route stands, and its translation.
struct RoutePlace {
    methods: Methods,
    template: Template,
    call: Option<Call>,
}

pub(super) fn routes(config: &Config, problems: &mut Vec<ConfigProblem>) -> Option<Routes> {
    let descriptors = match descriptors(config) {
        Ok(descriptors) => descriptors,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };

    let (mut entries, mut bindings) = (Vec::new(), Vec::new());
    for own in config.routes() {
        match places(own, descriptors.as_ref()) {
            Ok(places) => {
                for place in places {
                    let route = Arc::new(route(config, own, &place.template, bindings.len()));
                    entries.push((place.methods, place.template, route));
                    bindings.push(Binding {
                        route: own.name.as_str().into(),
                        call: place.call,
                        websocket: own.websocket,
                    });
                }
            }
            Err(message) => problems.push(own.problem(&message)),
        }
    }

    match RouteTable::build(entries) {
        Ok(table) => Some(Routes { table, bindings }),
        Err(error) => {
            problems.push(table_problem(config, &error));
            None
        }
    }
}

/// The problem of a table that cannot be built, at the Route that came second, with the place of
/// the first.
fn table_problem(config: &Config, error: &RouteTableError) -> ConfigProblem {
    let route = |name: &str| config.routes().iter().find(|route| route.name == name);
    let (first, second) = match error {
        RouteTableError::Ambiguous { first, second, .. } => (route(first), route(second)),
        RouteTableError::NoMethod { route: name } => (None, route(name)),
    };

    let mut message = with_causes(error);
    if let Some(first) = first.map(|route| route.problem("")) {
        message = format!("{message}; the first is at {}:{}", first.file.display(), first.line);
    }
    match second {
        Some(route) => route.problem(&message),
        None => {
            let folder = config.folders().last().cloned().unwrap_or_default();
            ConfigProblem::of_file(&folder, &message)
        }
    }
}

fn descriptors(config: &Config) -> Result<Option<Descriptors>, ConfigProblem> {
    match config.descriptors() {
        None => Ok(None),
        Some(DescriptorsConfig::Set(path)) => {
            let bytes =
                fs::read(path).map_err(|error| path.unreadable("a FileDescriptorSet", &error))?;
            Descriptors::from_set(&bytes)
                .map(Some)
                .map_err(|error| path.problem(&with_causes(&error)))
        }
        Some(DescriptorsConfig::Sources { files, includes }) => {
            if let Some((file, error)) = files.iter().find_map(missing) {
                return Err(file.unreadable("a .proto file", &error));
            }

            let [sources, includes] = [files, includes]
                .map(|paths| paths.iter().map(|path| path.to_path_buf()).collect::<Vec<_>>());
            let compiled = Descriptors::compile(&sources, &includes).map(Some);
            compiled.map_err(|error| match files.first() {
                Some(first) => first.problem(&with_causes(&error)),
                None => ConfigProblem::of_file(Path::new(""), &with_causes(&error)),
            })
        }
    }
}

/// A file that cannot be looked up, and why.
fn missing(file: &Located<PathBuf>) -> Option<(&Located<PathBuf>, io::Error)> {
    fs::metadata(file).err().map(|error| (file, error))
}

/// The bindings that are written, or those that the method itself has.
fn places(own: &RouteConfig, descriptors: Option<&Descriptors>) -> Result<Vec<RoutePlace>, String> {
    let written = written(own);
    let Some(GrpcMethod { service, method }) = own.grpc.as_deref() else {
        let plain = |binding: HttpBinding| RoutePlace {
            methods: binding.methods,
            template: binding.template,
            call: None,
        };
        return Ok(written.into_iter().map(plain).collect());
    };

    let descriptors = descriptors.ok_or("a gRPC method needs [descriptors]")?;
    let bindings = if written.is_empty() {
        descriptors.bindings(service, method).map_err(|error| with_causes(&error))?
    } else {
        written
    };

    if bindings.is_empty() {
        return Err(format!("{service}/{method} has no google.api.http binding; expected `match`"));
    }
    let path = PathAndQuery::try_from(format!("/{service}/{method}"))
        .map_err(|error| format!("{service}/{method}: {error}"))?;

    let place = |binding: HttpBinding| {
        let transcoder = Transcoder::new(descriptors, service, method, &binding)
            .map_err(|error| with_causes(&error))?;
        Ok(RoutePlace {
            methods: binding.methods,
            template: binding.template,
            call: Some(Call { path: path.clone(), transcoder: Arc::new(transcoder) }),
        })
    };
    bindings.into_iter().map(place).collect()
}

/// The bindings that the configuration writes.
fn written(own: &RouteConfig) -> Vec<HttpBinding> {
    let body = match &own.body {
        None => Body::None,
        Some(BodyMapping::Whole) => Body::All,
        Some(BodyMapping::Field(field)) => Body::Field(field.as_str().into()),
    };
    let binding = |route: &Located<RouteMatchConfig>| HttpBinding {
        methods: Methods::These(vec![route.method.clone()]),
        template: route.template.clone(),
        body: body.clone(),
        response_body: None,
    };
    own.matches.iter().map(binding).collect()
}

fn route(config: &Config, own: &RouteConfig, template: &Template, binding: usize) -> Route {
    let upstream = own.upstream.and_then(|index| config.upstreams().get(index));
    let attributes = own.attributes.iter();
    Route {
        name: own.name.as_str().into(),
        template: template.to_string().into(),
        attributes: attributes
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect(),
        grpc: own.grpc.as_deref().cloned(),
        upstream: upstream.map(|upstream| upstream.name.as_str().into()),
        binding,
        chain: own.chain,
        limits: own.limits,
    }
}
