//! What the seller's side says unasked: its text is made by the gateway that claims it, and stored before it is sent.

use p2p_domain::MessageId;
use p2p_proto::{
    order::{ComposeRequest, Delivery, OutgoingMessage, Unsolicited},
    required,
};
use p2p_runtime::failpoint;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{Exchange, conclude::written, lease::Leased, mark::dead};
use crate::{
    beckn::{Action, Context, Envelope, Said},
    metrics,
    services::broken,
    transaction::Way,
};

impl Exchange {
    /// Composes and delivers in the background. What fails for now is claimed again when its lease has lapsed.
    pub(super) fn say_unasked(&self, delivery: Delivery) {
        let exchange = self.clone();
        self.tasks.spawn(async move {
            let Some(lease) = exchange.leases.begin(Leased::Delivery(delivery.id.clone())) else { return };
            let composed = exchange.compose(&delivery).await;
            drop(lease);
            let Delivery { id, action, message_id, transaction_id, .. } = delivery;
            match composed {
                Ok(composed) => exchange.deliver(composed.into(), Instant::now()),
                Err(error) if error.code() == Code::Internal => {
                    tracing::error!(action, message_id, transaction_id, %error, "a buyer cannot be told");
                    exchange.marks.push_callback(
                        metrics::callback(&action),
                        dead(id, error.message().to_owned(), None),
                    );
                }
                Err(error) => {
                    tracing::warn!(action, message_id, transaction_id, %error, "a buyer is told later");
                }
            }
        });
    }

    async fn compose(&self, delivery: &Delivery) -> Result<Delivery, Status> {
        let message = self.unasked(delivery)?;
        failpoint!("gateway.unasked.{}.composed", delivery.action);
        let request = ComposeRequest {
            gateway: Some(self.gateway()?),
            delivery_id: delivery.id.clone(),
            message: Some(message),
        };
        let answer = self.services.mailbox.clone().compose(request).await?.into_inner();
        failpoint!("gateway.unasked.{}.stored", delivery.action);
        metrics::accepted(&delivery.action);
        self.transactions.note(Way::Outbound, &delivery.message_id, &delivery.action, self.clock.now());
        answer.delivery.ok_or_else(|| Status::unavailable("Compose without a delivery"))
    }

    /// Addressed as the callback to the init that made the order was.
    fn unasked(&self, delivery: &Delivery) -> Result<OutgoingMessage, Status> {
        let Unsolicited { order, init_body } =
            required(delivery.unsolicited.clone(), "unsolicited").map_err(broken)?;
        let order = required(order, "unsolicited.order").map_err(broken)?;
        let action: Action = delivery.action.parse().map_err(|()| broken("no action of ours"))?;
        let init =
            Envelope::read(&init_body, Action::Init.as_str()).map_err(|e| broken(e.why().to_owned()))?;
        let order = Box::new(order);
        let said = match action {
            Action::Status => Said::Status(order),
            _ => Said::Order(order),
        };
        let message_id = MessageId::parse(&delivery.message_id).map_err(broken)?;
        let context = Context { message_id, ..self.answer_to(&init.context, action, &said)? };
        written(&context, &init_body, &said)
    }
}
