use super::*;

const CALLER: FrameSource = FrameSource::Caller { message_bytes_max: 1000 };
const MASK: [u8; 4] = [1, 2, 3, 4];

/// A frame as a side sends it; its payload is of no matter.
fn frame(source: FrameSource, opcode: u8, is_final: bool, length: u64) -> Vec<u8> {
    let mask = matches!(source, FrameSource::Caller { .. }).then_some(MASK);
    let header =
        FrameHeader { is_final, opcode: OpCode::from(opcode), mask, ..FrameHeader::default() };
    let mut bytes = Vec::new();
    header.format(length, &mut bytes).unwrap();
    bytes.resize(bytes.len() + usize::try_from(length).unwrap(), 7);
    bytes
}

/// Follows all bytes at once, and in every cut of two; the outcome is the same.
fn followed(source: FrameSource, bytes: &[u8]) -> (usize, Option<FrameStop>) {
    let whole = FrameReader::new(source).follow(bytes, false);
    for cut in 0..bytes.len() {
        let mut reader = FrameReader::new(source);
        let (first, stop) = reader.follow(&bytes[..cut], false);
        let outcome = match stop {
            Some(_) => (first, stop),
            None => {
                let (second, stop) = reader.follow(&bytes[first..], false);
                (first + second, stop)
            }
        };
        assert_eq!(outcome, whole, "cut at {cut}");
    }
    whole
}

#[test]
fn whole_frames_of_every_length_form_pass() {
    for length in [0, 1, 125, 126, 1000] {
        let bytes = [frame(CALLER, 2, true, length), frame(CALLER, 9, true, 3)].concat();
        assert_eq!(followed(CALLER, &bytes), (bytes.len(), None), "{length}");
    }
    let large = frame(FrameSource::Upstream, 1, true, 70_000);
    let mut reader = FrameReader::new(FrameSource::Upstream);
    assert_eq!(reader.follow(&large, false), (large.len(), None));
    assert!(reader.is_at_boundary());
}

#[test]
fn a_head_that_is_not_whole_is_held_back() {
    let bytes = frame(CALLER, 2, true, 300);
    for end in 0..8 {
        let mut reader = FrameReader::new(CALLER);
        assert_eq!(reader.follow(&bytes[..end], false), (0, None), "{end}");
        assert!(reader.is_at_boundary());
    }
    let mut reader = FrameReader::new(CALLER);
    assert_eq!(reader.follow(&bytes[..9], false), (9, None));
    assert!(!reader.is_at_boundary());
}

#[test]
fn a_message_is_bounded_over_all_its_frames_and_control_frames_do_not_count() {
    let parts = [(2, false, 600), (9, true, 100), (0, false, 400), (0, true, 1)];
    let frames: Vec<_> =
        parts.iter().map(|(opcode, last, length)| frame(CALLER, *opcode, *last, *length)).collect();
    let before: usize = frames[..3].iter().map(Vec::len).sum();
    let stop = Some(FrameStop::TooLarge);
    assert_eq!(followed(CALLER, &frames.concat()), (before, stop));

    let two = [frame(CALLER, 2, true, 1000), frame(CALLER, 1, true, 1000)].concat();
    assert_eq!(followed(CALLER, &two), (two.len(), None), "the next message counts anew");
    assert_eq!(followed(CALLER, &frame(CALLER, 2, true, 1001)), (0, stop));
    let upstream = frame(FrameSource::Upstream, 2, true, 1001);
    assert_eq!(followed(FrameSource::Upstream, &upstream), (upstream.len(), None));
}

#[test]
fn what_is_no_frame_of_the_protocol_is_not_passed_on() {
    let first = frame(CALLER, 2, false, 1);
    for wrong in [
        frame(FrameSource::Upstream, 2, true, 1),
        frame(CALLER, 3, true, 1),
        frame(CALLER, 11, true, 1),
        frame(CALLER, 9, false, 1),
        frame(CALLER, 9, true, 126),
        frame(CALLER, 1, true, 1),
        [&[0x80, 0xff, 0x80][..], &[0; 7], &MASK].concat(),
    ] {
        let (passed, stop) = followed(CALLER, &[first.clone(), wrong.clone()].concat());
        assert_eq!(passed, first.len(), "{wrong:?}");
        assert!(matches!(stop, Some(FrameStop::Invalid(_))), "{wrong:?}: {stop:?}");
    }
    let (passed, stop) = followed(CALLER, &frame(CALLER, 0, true, 1));
    assert!(passed == 0 && matches!(stop, Some(FrameStop::Invalid(_))), "{stop:?}");
    let (passed, stop) = followed(FrameSource::Upstream, &frame(CALLER, 1, true, 1));
    assert!(passed == 0 && matches!(stop, Some(FrameStop::Invalid(_))), "{stop:?}");
}

#[test]
fn a_close_frame_tells_its_code_and_is_the_last() {
    for source in [CALLER, FrameSource::Upstream] {
        let close = close_frame(source, 4321, "because");
        let bytes = [close.clone(), frame(source, 2, true, 5)].concat();
        let stop = Some(FrameStop::Closed(Some(4321)));
        assert_eq!(followed(source, &bytes), (close.len(), stop), "{source:?}");
    }
    let empty = frame(CALLER, 8, true, 0);
    assert_eq!(followed(CALLER, &empty), (empty.len(), Some(FrameStop::Closed(None))));
}

#[test]
fn only_the_current_frame_is_finished_where_no_other_may_begin() {
    let bytes = [frame(CALLER, 2, true, 10), frame(CALLER, 2, true, 10)].concat();
    let mut reader = FrameReader::new(CALLER);
    assert_eq!(reader.follow(&bytes[..9], false), (9, None));
    let boundary = (bytes.len() / 2 - 9, Some(FrameStop::Boundary));
    assert_eq!(reader.follow(&bytes[9..], true), boundary);
}
