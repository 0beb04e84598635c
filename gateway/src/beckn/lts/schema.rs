//! JSON-LD: the contexts that we name.

/// TimeSeries.
pub const TIME_SERIES: &str = "https://schema.nfh.global/BecknTimeSeries/v1.0/context.jsonld";
/// EnergyResource.
pub const ENERGY_RESOURCE: &str = "https://schema.nfh.global/EnergyResource/v2.0/context.jsonld";
/// EnergyTradeOffer.
pub const ENERGY_TRADE_OFFER: &str = "https://schema.nfh.global/EnergyTradeOffer/v2.0/context.jsonld";
/// EnergyCustomer.
pub const ENERGY_CUSTOMER: &str = "https://schema.nfh.global/EnergyCustomer/v2.0/context.jsonld";
/// DEGContract.
pub const DEG_CONTRACT: &str = "https://schema.nfh.global/DEGContract/v2.0/context.jsonld";
/// SettlementTerm.
pub const SETTLEMENT_TERM: &str = "https://schema.nfh.global/SettlementTerm/v2.0/context.jsonld";
