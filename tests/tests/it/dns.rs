//! A nameserver of a test's own, whose names change their minds.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use hickory_resolver::proto::{
    op::Message,
    rr::{RData, Record, RecordType},
};
use tokio::net::UdpSocket;

/// Answers, which nobody may remember.
#[derive(Debug, Clone)]
pub struct Nameserver {
    pub address: SocketAddr,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Nameserver {
    /// Answers as `answer` says to a name that is asked for the first time (0), the second, ...
    pub async fn start(answer: impl Fn(&str, usize) -> Vec<IpAddr> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let nameserver = Self { address: socket.local_addr().unwrap(), asked: Arc::default() };
        let counting = nameserver.clone();
        tokio::spawn(async move {
            let mut question = [0; 2_048];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let Ok(question) = Message::from_vec(&question[..length]) else { continue };
                let answered = counting.answered(question, &answer);
                let _ = socket.send_to(&answered.to_vec().unwrap(), from).await;
            }
        });
        nameserver
    }

    fn answered(&self, question: Message, answer: impl Fn(&str, usize) -> Vec<IpAddr>) -> Message {
        let query = question.queries[0].clone();
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let mut response = question.into_response();
        let addresses = match query.query_type() {
            RecordType::A => {
                let mut asked = self.asked.lock().unwrap();
                let times = asked.entry(name.clone()).or_default();
                *times += 1;
                answer(&name, *times - 1)
            }
            // The same each time.
            _ => answer(&name, 0),
        };
        for address in addresses {
            let data = match address {
                IpAddr::V4(address) => RData::A(address.into()),
                IpAddr::V6(address) => RData::AAAA(address.into()),
            };
            if data.record_type() == query.query_type() {
                response.add_answer(Record::from_rdata(query.name().clone(), 0, data));
            }
        }
        response
    }

    /// How often IPv4 addresses of a name were asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}
