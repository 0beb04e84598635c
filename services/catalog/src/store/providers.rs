//! Table `providers`.

use p2p_domain::ProviderId;
use sea_orm::{ConnectionTrait, QueryResult};

use super::{Store, Tx, row::Row, sql};
use crate::{
    Error,
    domain::{Bpp, Entry, Existing, Origin, OriginFixed, PageSize, Place, Profile, Provider, Uri},
};

const INSERT: &str = "
    INSERT INTO providers (id, name, origin, bpp_id, bpp_uri, profile, published)
    VALUES ($1, $2, $3, nullif($4, ''), nullif($5, ''), $6, nullif($7, ''))";

const OR_NOTHING: &str = "ON CONFLICT (id) DO NOTHING RETURNING *";

/// Only one that came the same way.
const OR_CHANGE: &str = "
    ON CONFLICT (id) DO UPDATE
    SET name = excluded.name, bpp_id = excluded.bpp_id, bpp_uri = excluded.bpp_uri, profile = excluded.profile,
        published = excluded.published, updated_at = now()
    WHERE providers.origin = excluded.origin
    RETURNING *";

const BY_ID: &str = "SELECT * FROM providers WHERE id = ANY ($1) ORDER BY created_at, id";

const LISTED: &str = "
    SELECT * FROM providers WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3";

impl Store {
    /// Makes a provider, or changes the one that is there if it may.
    pub(crate) async fn upsert_provider(
        &self,
        new: &Provider,
        existing: Existing,
    ) -> Result<Provider, Error> {
        let on_conflict = match existing {
            Existing::Refuse => OR_NOTHING,
            Existing::Change => OR_CHANGE,
        };
        let bpp = |of: fn(&Bpp) -> &str| new.bpp.as_ref().map_or("", of);
        let values = [
            new.id.as_str().into(),
            new.name.as_str().into(),
            origin_text(new.origin).into(),
            bpp(|bpp| bpp.id.as_str()).into(),
            bpp(|bpp| bpp.uri.as_str()).into(),
            profile_text(new.profile).into(),
            new.published.as_str().into(),
        ];
        let written = self.db.query_one_raw(sql(&format!("{INSERT} {on_conflict}"), values)).await?;
        match (written, existing) {
            (Some(columns), _) => provider(&columns, ""),
            (None, Existing::Refuse) => Err(Error::Exists(Entry::Provider(new.id.clone()))),
            (None, Existing::Change) => {
                Err(OriginFixed { entry: Entry::Provider(new.id.clone()), origin: new.origin.other() }.into())
            }
        }
    }

    /// Those that are known, oldest first.
    pub(crate) async fn providers(&self, ids: &[ProviderId]) -> Result<Vec<Provider>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let rows = self.db.query_all_raw(sql(BY_ID, [ids.into()])).await?;
        rows.iter().map(|columns| provider(columns, "")).collect()
    }

    /// Oldest first: one more than the page has if more follow.
    pub(crate) async fn list_providers(
        &self,
        after: &Place,
        page: PageSize,
    ) -> Result<Vec<(Place, Provider)>, Error> {
        let values = [after.created_at.into(), (&*after.id).into(), page.and_one().into()];
        let rows = self.db.query_all_raw(sql(LISTED, values)).await?;
        rows.iter()
            .map(|columns| {
                let row = Row::new("providers", "", "id", columns)?;
                Ok((row.place()?, provider(columns, "")?))
            })
            .collect()
    }
}

impl Tx<'_> {
    /// Which way the provider came; none if there is no such provider. None is ever deleted or comes another way.
    pub(crate) async fn origin_of_provider(&self, id: &ProviderId) -> Result<Option<Origin>, Error> {
        let query = sql("SELECT id, origin FROM providers WHERE id = $1", [id.as_str().into()]);
        let Some(columns) = self.0.query_one_raw(query).await? else { return Ok(None) };
        Row::new("providers", "", "id", &columns)?.origin().map(Some)
    }
}

/// A provider from columns with such a prefix.
pub(super) fn provider(columns: &QueryResult, prefix: &'static str) -> Result<Provider, Error> {
    let row = Row::new("providers", prefix, "id", columns)?;
    Ok(Provider {
        id: row.parsed("id")?,
        name: row.label("name")?,
        origin: row.origin()?,
        bpp: bpp(&row)?,
        profile: profile(&row)?,
        published: row.published()?,
        created_at: Some(row.get("created_at")?),
    })
}

fn bpp(row: &Row<'_>) -> Result<Option<Bpp>, Error> {
    let Some(uri) = row.get::<Option<String>>("bpp_uri")? else { return Ok(None) };
    let uri = Uri::parse(&uri).map_err(|e| row.impossible(e))?;
    Ok(Some(Bpp { id: row.parsed("bpp_id")?, uri }))
}

fn profile(row: &Row<'_>) -> Result<Profile, Error> {
    match row.get::<String>("profile")?.as_str() {
        "SEED" => Ok(Profile::Seed),
        "LTS" => Ok(Profile::Lts),
        other => Err(row.impossible(format_args!("profile {other}"))),
    }
}

/// Column `profile`.
fn profile_text(profile: Profile) -> &'static str {
    match profile {
        Profile::Seed => "SEED",
        Profile::Lts => "LTS",
    }
}

/// Column `origin`.
pub(super) fn origin_text(origin: Origin) -> &'static str {
    match origin {
        Origin::Seller => "SELLER",
        Origin::Sync => "SYNC",
    }
}
