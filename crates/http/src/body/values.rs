//! OpenAPI schemas for the values of a registration.
//!
//! Every value that matches is accepted. The domain, which parses the values, also accepts
//! internationalized host names.

mod hub_url;

use utoipa::ToSchema;

pub(super) use self::hub_url::HubUrlSchema;

/// Name of a project in URLs and NATS subjects.
#[derive(Debug, ToSchema)]
#[schema(as = Slug, pattern = "^[a-z0-9-]+$", min_length = 1, max_length = 50)]
#[schema(example = "commandcenter")]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(crate) struct SlugSchema(String);

/// Display name of a project: not blank, without control characters.
#[derive(Debug, ToSchema)]
#[schema(
    as = ProjectName,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    min_length = 1,
    max_length = 200,
    example = "CommandCenter"
)]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(super) struct NameSchema(String);

/// NATS subject prefix of a project.
#[derive(Debug, ToSchema)]
#[schema(
    as = MeshNamespace,
    pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
    min_length = 1,
    max_length = 100,
    example = "hub.commandcenter"
)]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(super) struct MeshNamespaceSchema(String);

/// A tag: not blank, without control characters.
#[derive(Debug, ToSchema)]
#[schema(
    as = Tag,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    min_length = 1,
    max_length = 50,
    example = "python"
)]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(crate) struct TagSchema(String);

/// Name of an action: not blank, without control characters.
#[derive(Debug, ToSchema)]
#[schema(
    as = Action,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    min_length = 1,
    max_length = 100,
    example = "rag.query"
)]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(super) struct ActionSchema(String);

/// Text of a comment: not blank, without control characters except line breaks.
#[derive(Debug, ToSchema)]
#[schema(
    as = CommentText,
    pattern = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
    min_length = 1,
    max_length = 2000,
    example = "restarting the host"
)]
#[expect(dead_code, reason = "the schema of the document; the domain parses it")]
pub(super) struct CommentTextSchema(String);
