use super::*;
use proptest::prelude::*;

fn put_attrs(out: &mut Vec<u8>, attrs: &Attrs) {
    let flag = |there: bool, flag: u32| if there { flag } else { 0 };
    let flags = flag(attrs.size.is_some(), 1)
        | flag(attrs.owner.is_some(), 2)
        | flag(attrs.mode.is_some(), 4)
        | flag(attrs.mtime.is_some(), 8);
    out.extend(flags.to_be_bytes());
    out.extend(attrs.size.iter().flat_map(|n| n.to_be_bytes()));
    out.extend(attrs.owner.iter().flat_map(|(u, g)| packed(&[*u, *g])));
    out.extend(attrs.mode.iter().flat_map(|n| n.to_be_bytes()));
    out.extend(attrs.mtime.iter().flat_map(|n| packed(&[7, *n])));
}

/// What a server would send.
fn encode_reply(id: u32, reply: &Reply) -> Vec<u8> {
    let mut out = vec![0; 4];
    let start = |out: &mut Vec<u8>, kind: u8| {
        out.push(kind);
        out.extend(id.to_be_bytes());
    };
    match reply {
        Reply::Status(code, text) => {
            start(&mut out, STATUS);
            let number = match code {
                Code::Ok => 0,
                Code::Eof => 1,
                Code::NoSuchFile => 2,
                Code::PermissionDenied => 3,
                Code::Unsupported => 8,
                Code::Other(number) => *number,
            };
            out.extend(number.to_be_bytes());
            put(&mut out, text);
            put(&mut out, b"en");
        }
        Reply::Handle(handle) => (start(&mut out, HANDLE), put(&mut out, handle)).1,
        Reply::Data(data) => (start(&mut out, DATA), put(&mut out, data)).1,
        Reply::Names(names) => {
            start(&mut out, NAME);
            out.extend((names.len() as u32).to_be_bytes());
            for named in names {
                put(&mut out, &named.name);
                put(&mut out, b"-rw-r--r-- 1 me me 1 Jan 1 name");
                put_attrs(&mut out, &named.attrs);
            }
        }
        Reply::Attrs(attrs) => (start(&mut out, ATTRS), put_attrs(&mut out, attrs)).1,
        Reply::Extended(body) => (start(&mut out, EXTENDED_REPLY), out.extend(body)).1,
    }
    let len = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&len.to_be_bytes());
    out
}

fn any_attrs() -> impl Strategy<Value = Attrs> {
    any::<(Option<u64>, Option<(u32, u32)>, Option<u32>, Option<u32>)>()
        .prop_map(|(size, owner, mode, mtime)| Attrs { size, owner, mode, mtime })
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    let named = (bytes(), any_attrs()).prop_map(|(name, attrs)| Named { name: name.into(), attrs });
    prop_oneof![
        (any::<u32>(), bytes()).prop_map(|(code, text)| Reply::Status(Code::from_number(code), text)),
        proptest::collection::vec(any::<u8>(), 1..=256).prop_map(Reply::Handle),
        bytes().prop_map(Reply::Data),
        proptest::collection::vec(named, 0..8).prop_map(Reply::Names),
        any_attrs().prop_map(Reply::Attrs),
        bytes().prop_map(Reply::Extended),
    ]
}

/// All that reads what a server sends.
fn read_all_ways(bytes: &[u8]) {
    let len = packet_len(bytes);
    assert!(len.is_err() || len.is_ok_and(|len| len.is_none_or(|len| len <= LONGEST_PACKET + 4)));
    assert!(decode(bytes).is_ok() || decode_greeting(bytes).is_ok() || bytes.len() < usize::MAX);
    let (_, _, _) = (decode_limits(bytes).ok(), decode_file_system(bytes).ok(), decode_owners(bytes).ok());
}

proptest! {
    #[test]
    fn an_answer_survives_the_trip(id: u32, reply in any_reply()) {
        let packet = encode_reply(id, &reply);
        prop_assert_eq!(packet_len(&packet), Ok(Some(packet.len())));
        prop_assert_eq!(decode(&packet), Ok((id, reply)));
    }

    #[test]
    fn a_cut_or_lengthened_answer_is_refused(id: u32, reply in any_reply(), cut in 0usize..400) {
        let mut packet = encode_reply(id, &reply);
        let is_open_ended = matches!(reply, Reply::Extended(_));
        packet.push(0);
        prop_assert!(is_open_ended || decode(&packet).is_err());
        let cut = cut % (packet.len() - 1);
        // A status may end before its text, or before its language.
        if !is_open_ended && !matches!(reply, Reply::Status(..)) {
            prop_assert!(decode(&packet[..cut]).is_err());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(reply in any_reply(), at: usize, byte: u8) {
        let mut packet = encode_reply(1, &reply);
        let at = at % packet.len();
        packet[at] = byte;
        read_all_ways(&packet);
    }

    #[test]
    fn a_question_has_its_length_and_number(id: u32, path in proptest::collection::vec(any::<u8>(), 0..99)) {
        let handle = &path;
        let questions = [
            Request::OpenDir(&path), Request::ReadDir(handle), Request::LStat(&path), Request::Open(&path),
            Request::Read { handle, offset: 1 << 40, len: 7 }, Request::FStat(handle), Request::Close(handle),
            Request::ReadLink(&path), Request::RealPath(&path), Request::Limits, Request::StatVfs(&path),
            Request::Names { uids: &[0, 1], gids: &[5] },
        ];
        for question in questions {
            let mut packet = b"before".to_vec();
            question.encode(id, &mut packet);
            let packet = &packet[6..];
            prop_assert_eq!(packet_len(packet), Ok(Some(packet.len())));
            prop_assert_eq!(&packet[5..9], &id.to_be_bytes()[..]);
        }
    }
}

#[test]
fn a_packet_that_claims_too_much_is_refused_before_it_is_awaited() {
    assert_eq!(packet_len(&[0, 0, 0]), Ok(None));
    assert_eq!(packet_len(&[0, 0, 0, 4]), Err(Malformed::Length(4)));
    assert_eq!(packet_len(&[0, 4, 0, 1]), Err(Malformed::Length(0x4_0001)));
    // ssh with a talking shell start-up file: "Welc" is a length of 1.4 GB.
    assert!(matches!(packet_len(b"Welcome"), Err(Malformed::Length(_))));
}

#[test]
fn names_that_cannot_all_be_there_take_no_memory() {
    let packet = [0, 0, 0, 9, NAME, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(decode(&packet), Err(Malformed::Cut));
}

#[test]
fn a_greeting_names_its_extensions() {
    let mut packet = vec![0, 0, 0, 0, VERSION, 0, 0, 0, 3];
    put(&mut packet, LIMITS);
    put(&mut packet, b"1");
    let greeting = decode_greeting(&packet).unwrap();
    assert!(
        greeting.offers(LIMITS, b"1") && !greeting.offers(LIMITS, b"2") && !greeting.offers(STATVFS, b"2")
    );
    packet[8] = 6;
    assert_eq!(decode_greeting(&packet), Err(Malformed::Version(6)));
}

#[test]
fn owners_come_in_the_order_asked() {
    let mut body = Vec::new();
    let mut users = Vec::new();
    put(&mut users, b"root");
    put(&mut users, b"");
    put(&mut body, &users);
    put(&mut body, b"");
    assert_eq!(decode_owners(&body), Ok((vec![b"root".to_vec(), Vec::new()], Vec::new())));
}
