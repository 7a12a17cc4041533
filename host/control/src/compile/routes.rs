//! Routes: templates, transcoders and the table that finds them.

use std::fs;
use std::sync::Arc;

use http::Method;
use http::uri::PathAndQuery;
use tollgate_chain::{GrpcMethod, Methods, Route, RouteTable, Template};
use tollgate_config::{
    Config, Descriptors as DescriptorSource, Problem, Route as RouteConfig, with_causes,
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
struct Place {
    methods: Methods,
    template: Template,
    call: Option<Call>,
}

pub(super) fn routes(config: &Config, problems: &mut Vec<Problem>) -> Option<Routes> {
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
                    bindings.push(Binding { route: own.name.as_str().into(), call: place.call });
                }
            }
            Err(message) => problems.push(own.problem(&message)),
        }
    }
    match RouteTable::build(entries) {
        Ok(table) => Some(Routes { table, bindings }),
        Err(error) => {
            let folder = config.folders().last().cloned().unwrap_or_default();
            problems.push(Problem::of_file(&folder, &with_causes(&error)));
            None
        }
    }
}

fn descriptors(config: &Config) -> Result<Option<Descriptors>, Problem> {
    match config.descriptors() {
        None => Ok(None),
        Some(DescriptorSource::Set(path)) => {
            let bytes = fs::read(path).map_err(|error| {
                Problem::of_file(path, &format!("expected a FileDescriptorSet: {error}"))
            })?;
            Descriptors::from_set(&bytes)
                .map(Some)
                .map_err(|error| Problem::of_file(path, &with_causes(&error)))
        }
        Some(DescriptorSource::Sources { files, includes }) => {
            let first = files.first().cloned().unwrap_or_default();
            Descriptors::compile(files, includes)
                .map(Some)
                .map_err(|error| Problem::of_file(&first, &with_causes(&error)))
        }
    }
}

/// As written, or as the method's own bindings say.
fn places(own: &RouteConfig, descriptors: Option<&Descriptors>) -> Result<Vec<Place>, String> {
    let written = written(own)?;
    let Some((service, method)) = &own.grpc else {
        let plain = |binding: HttpBinding| Place {
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
        Ok(Place {
            methods: binding.methods,
            template: binding.template,
            call: Some(Call { path: path.clone(), transcoder: Arc::new(transcoder) }),
        })
    };
    bindings.into_iter().map(place).collect()
}

/// The bindings that the configuration writes.
fn written(own: &RouteConfig) -> Result<Vec<HttpBinding>, String> {
    let body = match own.body.as_deref() {
        None => Body::None,
        Some("*") => Body::All,
        Some(field) => Body::Field(field.into()),
    };
    let binding = |(method, template): &(Method, String)| {
        Ok(HttpBinding {
            methods: Methods::These(vec![method.clone()]),
            template: Template::parse(template)
                .map_err(|error| format!("match {template:?}: {}", with_causes(&error)))?,
            body: body.clone(),
            response_body: None,
        })
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
        grpc: own.grpc.as_ref().map(|(service, method)| GrpcMethod {
            service: service.as_str().into(),
            method: method.as_str().into(),
        }),
        upstream: upstream.map(|upstream| upstream.name.as_str().into()),
        binding,
        chain: own.chain,
        limits: own.limits,
    }
}
