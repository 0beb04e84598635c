//! A matching service that notes outcomes.

use std::sync::{Arc, Mutex};

use p2p_proto::matching::{matching_service_server::MatchingService, *};
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
pub struct FakeMatching {
    /// How often it does not answer first.
    pub away_for: Arc<Mutex<u32>>,
    /// Order and outcome of each call that it answered.
    pub counted: Arc<Mutex<Vec<(String, Outcome)>>>,
}

#[tonic::async_trait]
impl MatchingService for FakeMatching {
    async fn record_outcome(
        &self,
        request: Request<RecordOutcomeRequest>,
    ) -> Result<Response<RecordOutcomeResponse>, Status> {
        let mut away_for = self.away_for.lock().unwrap();
        if *away_for > 0 {
            *away_for -= 1;
            return Err(Status::unavailable("away"));
        }
        let request = request.into_inner();
        let outcome = request.outcome();
        self.counted.lock().unwrap().push((request.order_id, outcome));
        Ok(Response::new(RecordOutcomeResponse { trust: None, counted: true }))
    }

    async fn rank_offers(
        &self,
        _: Request<RankOffersRequest>,
    ) -> Result<Response<RankOffersResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn get_trust(&self, _: Request<GetTrustRequest>) -> Result<Response<GetTrustResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn get_outcome(
        &self,
        _: Request<GetOutcomeRequest>,
    ) -> Result<Response<GetOutcomeResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn explain_match(
        &self,
        _: Request<ExplainMatchRequest>,
    ) -> Result<Response<ExplainMatchResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }

    async fn set_trust(&self, _: Request<SetTrustRequest>) -> Result<Response<SetTrustResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}
