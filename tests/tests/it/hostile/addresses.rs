//! Addresses that are none, or that nobody may be sent to: this machine's are allowed here, and no others.

use serde_json::json;

use super::Row;
use crate::{
    beckn::{self, Message},
    client::{ALPHA, Client},
};

const MAY_NOT: &str = "cannot be called";
const NO_URL: &str = "must be http or https URLs";

const FORMS: [(&str, &str); 44] = [
    ("http://169.254.169.254", MAY_NOT),
    ("http://169.254.169.254:80/latest/meta-data", MAY_NOT),
    ("http://2852039166", MAY_NOT),
    ("http://0xa9fea9fe", MAY_NOT),
    ("http://0xA9.0xFE.0xA9.0xFE", MAY_NOT),
    ("http://0251.0376.0251.0376", MAY_NOT),
    ("http://169.254.43518", MAY_NOT),
    ("http://169.16689662", MAY_NOT),
    ("http://%31%36%39.254.169.254", MAY_NOT),
    ("http://[::ffff:169.254.169.254]", MAY_NOT),
    ("http://[::ffff:a9fe:a9fe]", MAY_NOT),
    ("http://[64:ff9b::a9fe:a9fe]", MAY_NOT),
    ("http://[2002:a9fe:a9fe::1]", MAY_NOT),
    ("http://[fd00:ec2::254]", MAY_NOT),
    ("http://100.100.100.200", MAY_NOT),
    ("http://10.0.0.1", MAY_NOT),
    ("http://172.16.0.1:8080", MAY_NOT),
    ("http://192.168.0.1:443", MAY_NOT),
    ("http://0x0a000001", MAY_NOT),
    ("http://012.0.0.1", MAY_NOT),
    ("http://100.64.0.1", MAY_NOT),
    ("http://0.0.0.0:4000", MAY_NOT),
    ("http://0:4000", MAY_NOT),
    ("http://[::]:4000", MAY_NOT),
    ("http://[fe80::1]", MAY_NOT),
    ("http://[fc00::1]", MAY_NOT),
    ("http://224.0.0.1", MAY_NOT),
    ("http://255.255.255.255", MAY_NOT),
    ("https://8.8.8.8", MAY_NOT),
    ("http://127.0.0.1:22", MAY_NOT),
    ("http://127.0.0.1:0", MAY_NOT),
    ("http://a..example", MAY_NOT),
    ("http://127.0.0.1:99999", NO_URL),
    ("http://127.0.0.256", NO_URL),
    ("http://[fe80::1%25eth0]", NO_URL),
    ("http://[::1", NO_URL),
    ("http://①②⑦.0.0.1", NO_URL),
    ("http://a:b@127.0.0.1", NO_URL),
    ("http://@127.0.0.1", NO_URL),
    ("http://127.0.0.1?a=b", NO_URL),
    ("http://127.0.0.1\t", NO_URL),
    ("gopher://127.0.0.1", NO_URL),
    ("unix:///var/run/a.sock", NO_URL),
    ("data:text/plain,a", NO_URL),
];

pub fn rows(client: &Client) -> Vec<Row> {
    let message = Message::new(client, "select", "t-address", beckn::select(ALPHA, &json!(1)));
    let rows = FORMS.into_iter().flat_map(|(uri, says)| {
        ["bap_uri", "bpp_uri"].map(|field| {
            let body = message.clone().with(field, uri).text();
            Row::post(&format!("{field} {uri}"), "/select", body, 400, says)
        })
    });
    rows.collect()
}
