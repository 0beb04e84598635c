//! What happens next. Numbers choose among what there is.

/// A step.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A buyer sends a message in this trade.
    Send(u8, What),
    /// A message that was sent comes again.
    Repeat(u8, Variant),
    /// A message is lost on its way.
    Lose(u8),
    /// So many messages on their way, from this one on, arrive at this gateway together.
    Arrive(u8, u8, u8, Fate),
    /// Somebody goes on with what was accepted: commits, or calls the catalog (again).
    Work(u8, Fate),
    /// A call arrives at the catalog.
    Call(u8, Fate),
    /// A callback is sent to the buyer.
    Deliver(u8, Fate),
    /// A gateway dies and starts again.
    Kill(u8),
    /// The order service dies and starts again.
    KillService,
    /// A gateway takes over what nobody works on.
    Claim(u8),
    /// Something fails for good, and an init or confirm is given up.
    GiveUp(u8),
    /// The order service looks for what is over.
    Sweep(Fate),
    /// The seller does something with an order.
    Seller(u8, Deed, Fate),
    /// Time passes.
    Wait(Wait),
    /// So many steps on which nothing goes wrong: what has come farthest goes on first.
    Calm(u8),
}

/// What a message is that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As it was sent first: its sender repeats it, or somebody plays it.
    Same,
    /// Signed anew by its sender.
    Resigned,
    /// With other bytes.
    Forged,
}

/// What a buyer asks for.
#[derive(Debug, Clone, Copy)]
pub enum What {
    /// So many kWh.
    Init(u8),
    /// Its order of this number, the newest first.
    Confirm(u8),
    /// Likewise.
    Cancel(u8),
    /// A price.
    Select,
    /// How it is.
    Status,
}

/// What a seller does.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// It has delivered.
    Complete,
    /// It cannot.
    Cancel,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    Answered,
    /// Who was to do it dies before: nothing has happened.
    DiedBefore,
    /// Who has done it dies before it answers.
    DiedBehind,
}

/// How much time passes.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// A lease lapses.
    Lease,
    /// Half of a hold.
    HalfHold,
    /// A hold ends.
    Hold,
}

impl Step {
    /// The step of these numbers, of which the first chooses the kind.
    pub fn of([kind, n, m, fate]: [u8; 4]) -> Self {
        let fate = match fate % 16 {
            0..12 => Fate::Answered,
            12..14 => Fate::DiedBefore,
            _ => Fate::DiedBehind,
        };
        let (n, m) = (n % 32, m % 32);
        match kind % 64 {
            0..11 => Self::Send(n % 3, What::of(m)),
            11..26 => Self::Calm(1 + m % 12),
            26..33 => Self::Arrive(n, 1 + m % 3, m / 8 % 2, fate),
            33..39 => Self::Work(n, fate),
            39..44 => Self::Call(n, fate),
            44..47 => Self::Deliver(n, fate),
            47..50 => Self::Repeat(n, Variant::of(m)),
            50 => Self::Lose(n),
            51 => Self::Kill(n % 2),
            52 => Self::KillService,
            53..55 => Self::Claim(n % 2),
            55 => Self::GiveUp(n),
            56..58 => Self::Sweep(fate),
            58..60 => Self::Seller(n, if m < 16 { Deed::Cancel } else { Deed::Complete }, fate),
            60..62 => Self::Wait(Wait::Lease),
            62 => Self::Wait(Wait::HalfHold),
            _ => Self::Wait(Wait::Hold),
        }
    }
}

impl Variant {
    fn of(n: u8) -> Self {
        match n {
            0..4 => Self::Forged,
            4..16 => Self::Resigned,
            _ => Self::Same,
        }
    }
}

impl What {
    fn of(n: u8) -> Self {
        match n {
            0..12 => Self::Init(1 + n),
            12..22 => Self::Confirm(n % 4),
            22..28 => Self::Cancel(n % 4),
            28..30 => Self::Select,
            _ => Self::Status,
        }
    }

    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Confirm(_) => "confirm",
            Self::Cancel(_) => "cancel",
            Self::Select => "select",
            Self::Status => "status",
        }
    }
}
