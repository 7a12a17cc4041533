//! Sets of descriptors, and what they say about a method's place in HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};
use tollgate_chain::{Methods, Template, TemplateError};

use crate::schema::Schema;

/// Descriptors or a binding cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a `FileDescriptorSet`, or its files do not fit each other.
    #[error("read the descriptor set")]
    Descriptors(#[source] prost_reflect::DescriptorError),
    /// A `.proto` file does not compile.
    #[error("compile {file}")]
    Compile {
        /// The file.
        file: PathBuf,
        /// Where and why.
        #[source]
        source: Box<protox::Error>,
    },
    /// The service or method is not in the descriptors.
    #[error("no method {service}/{method} in the descriptors")]
    NoMethod {
        /// Full name of the service.
        service: String,
        /// Name of the method.
        method: String,
    },
    /// The method's requests stream: such a method passes through as gRPC.
    #[error("the requests of {method} stream; such a method passes through as gRPC, not as JSON")]
    Streaming {
        /// Full name of the method.
        method: String,
    },
    /// The `google.api.http` option is malformed.
    #[error("google.api.http of {method}: expected {expected}")]
    Rule {
        /// Full name of the method.
        method: String,
        /// The expectation.
        expected: &'static str,
    },
    /// The path template is malformed.
    #[error("google.api.http of {method}")]
    Template {
        /// Full name of the method.
        method: String,
        /// Where and why.
        #[source]
        source: TemplateError,
    },
    /// The binding names a field that cannot be bound so.
    #[error("{method} binds `{field}` to the {part}: expected {expected}")]
    Field {
        /// Full name of the method.
        method: String,
        /// The field, as the binding names it.
        field: String,
        /// `path`, `body` or `response body`.
        part: &'static str,
        /// The expectation.
        expected: &'static str,
    },
}

/// One way in which a method is reached by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpBinding {
    /// The methods.
    pub methods: Methods,
    /// The path.
    pub template: Template,
    /// The part of the request that is the body.
    pub body: Body,
    /// The field of the response that is the whole response, if not all of it is.
    pub response_body: Option<Box<str>>,
}

/// The part of the request message that is the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing; fields that the path does not bind are query parameters.
    None,
    /// All that the path does not bind; there are no query parameters.
    All,
    /// This top-level field; the others are query parameters.
    Field(Box<str>),
}

/// A set of descriptors, ready for many [`Transcoder`](crate::Transcoder)s.
#[derive(Debug, Clone)]
pub struct Descriptors {
    pub(crate) pool: DescriptorPool,
    pub(crate) schema: Arc<Schema>,
}

impl Descriptors {
    /// Reads an encoded `google.protobuf.FileDescriptorSet` that includes its imports.
    ///
    /// # Errors
    /// [`Error::Descriptors`].
    pub fn from_set(bytes: &[u8]) -> Result<Self, Error> {
        let pool = DescriptorPool::decode(bytes).map_err(Error::Descriptors)?;
        Ok(Self::new(pool))
    }

    /// Compiles `.proto` files. `google/protobuf/` is built in, and of `google/api/` what the
    /// gateway reads, unless an include path has it.
    ///
    /// # Errors
    /// [`Error::Compile`], with the file.
    pub fn compile(files: &[PathBuf], includes: &[PathBuf]) -> Result<Self, Error> {
        let mut resolver = ChainFileResolver::new();
        for include in includes {
            resolver.add(IncludeFileResolver::new(include.clone()));
        }
        resolver.add(GoogleFileResolver::new());
        resolver.add(BuiltIn);
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        for file in files {
            compiler.open_file(file).map_err(|source| Error::Compile {
                file: file.clone(),
                source: Box::new(source),
            })?;
        }
        Ok(Self::new(compiler.descriptor_pool()))
    }

    /// `(full name of the service, name of the method)` of every method.
    pub fn methods(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.pool.services().flat_map(|service| {
            let methods: Vec<_> = service
                .methods()
                .map(|method| (service.full_name().to_owned(), method.name().to_owned()))
                .collect();
            methods
        })
    }

    /// The bindings of a method: its `google.api.http` rule and the additional ones. A method
    /// without the option has none.
    ///
    /// # Errors
    /// No such method, or a malformed rule.
    pub fn bindings(&self, service: &str, method: &str) -> Result<Vec<HttpBinding>, Error> {
        let method = self.method(service, method)?;
        let Some(option) = self.pool.get_extension_by_name("google.api.http") else {
            return Ok(Vec::new());
        };
        let options = method.options();

        if !options.has_extension(&option) {
            return Ok(Vec::new());
        }

        let value = options.get_extension(&option);
        let Value::Message(rule) = &*value else {
            return Err(rule_error(&method, "a google.api.HttpRule"));
        };
        let mut bindings = vec![binding(&method, rule)?];

        for more in rule.get_field_by_name("additional_bindings").as_deref().into_iter() {
            for more in more.as_list().unwrap_or_default() {
                let Value::Message(more) = more else { continue };
                if more.has_field_by_name("additional_bindings") {
                    return Err(rule_error(&method, "additional bindings of one level"));
                }
                bindings.push(binding(&method, more)?);
            }
        }

        Ok(bindings)
    }

    pub(crate) fn method(&self, service: &str, method: &str) -> Result<MethodDescriptor, Error> {
        let described = self.pool.get_service_by_name(service);
        described
            .and_then(|service| service.methods().find(|found| found.name() == method))
            .ok_or_else(|| Error::NoMethod {
                service: service.to_owned(),
                method: method.to_owned(),
            })
    }

    fn new(pool: DescriptorPool) -> Self {
        let schema = Arc::new(Schema::new(&pool));
        Self { pool, schema }
    }
}

fn binding(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<HttpBinding, Error> {
    let text = |name: &str| {
        let value = rule.has_field_by_name(name).then(|| rule.get_field_by_name(name)).flatten();
        value.and_then(|value| value.as_str().map(str::to_owned)).filter(|text| !text.is_empty())
    };
    let usual = ["get", "put", "post", "delete", "patch"]
        .into_iter()
        .find_map(|name| text(name).map(|path| (name.to_ascii_uppercase(), path)));
    let Some((kind, path)) = usual.or_else(|| custom(rule)) else {
        return Err(rule_error(method, "a method and a path"));
    };

    let methods = match &*kind {
        "*" => Methods::Any,
        kind => Methods::These(vec![
            Method::from_bytes(kind.as_bytes())
                .map_err(|_| rule_error(method, "a method of HTTP"))?,
        ]),
    };

    let template = Template::parse(&path)
        .map_err(|source| Error::Template { method: method.full_name().to_owned(), source })?;
    let body = match text("body").as_deref() {
        None => Body::None,
        Some("*") => Body::All,
        Some(field) => Body::Field(field.into()),
    };

    let response_body = text("response_body").map(Into::into);
    Ok(HttpBinding { methods, template, body, response_body })
}

/// Kind and path of a `custom` pattern.
fn custom(rule: &DynamicMessage) -> Option<(String, String)> {
    if !rule.has_field_by_name("custom") {
        return None;
    }
    let value = rule.get_field_by_name("custom")?;
    let custom = value.as_message()?;
    let kind = custom.get_field_by_name("kind")?.as_str()?.to_owned();
    Some((kind, custom.get_field_by_name("path")?.as_str()?.to_owned()))
}

fn rule_error(method: &MethodDescriptor, expected: &'static str) -> Error {
    Error::Rule { method: method.full_name().to_owned(), expected }
}

/// The files of `google/api/` that the gateway itself reads.
struct BuiltIn;

impl FileResolver for BuiltIn {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let source = match name {
            "google/api/annotations.proto" => include_str!("../proto/google/api/annotations.proto"),
            "google/api/http.proto" => include_str!("../proto/google/api/http.proto"),
            "google/api/httpbody.proto" => include_str!("../proto/google/api/httpbody.proto"),
            _ => return Err(protox::Error::file_not_found(name)),
        };
        File::from_source(name, source)
    }

    fn resolve_path(&self, _path: &Path) -> Option<String> {
        None
    }
}
