//! The same on the texts that make test makes.

use proptest::{collection::vec, prelude::*};

const MOST_BYTES: usize = 1_000;

proptest! {
    #[test]
    fn messages_are_read_or_refused(bytes in vec(any::<u8>(), 0..MOST_BYTES)) {
        super::beckn(&bytes);
    }

    #[test]
    fn fields_are_read_or_refused(bytes in vec(any::<u8>(), 0..MOST_BYTES)) {
        super::fields(&bytes);
    }

    #[test]
    fn filters_are_read_or_refused(bytes in vec(any::<u8>(), 0..MOST_BYTES)) {
        super::filter(&bytes);
    }

    #[test]
    fn paths_are_read_or_refused(bytes in vec(any::<u8>(), 0..MOST_BYTES)) {
        super::jsonpath(&bytes);
    }

    #[test]
    fn signatures_are_read_or_refused(bytes in vec(any::<u8>(), 0..MOST_BYTES)) {
        super::signature(&bytes);
    }

    #[test]
    fn addresses_are_taken_or_refused(bytes in vec(any::<u8>(), 0..MOST_BYTES)) {
        super::address(&bytes);
    }
}
