import MIG
import Testing

@testable import Linux

/// Those that this processor can run: plain Swift always, its own instructions where it has them.
private let engines = SHA256.Engine.allCases.filter { $0 == .plain || SHA256.Engine.best == .instructions }

extension SHA256 {
    fileprivate static func hash(_ bytes: [UInt8], _ engine: Engine) -> [UInt8] {
        var hasher = SHA256(engine)
        hasher.update(bytes)
        return hasher.finalize()
    }
}

struct SHA256Tests {
    /// From FIPS 180-2 appendix B and NIST's "SHA-256 example" and "additional examples".
    @Test(
        arguments: engines,
        [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                    + "mnopqrstnopqrstu", "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
        ])
    func `the examples of the standard come out`(engine: SHA256.Engine, example: (message: String, digest: String)) {
        #expect(Hex.text(of: SHA256.hash(Array(example.message.utf8), engine)) == example.digest)
    }

    /// CAVP SHA256ShortMsg.rsp, byte-oriented.
    @Test(
        arguments: engines,
        [
            ("d3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
            ("11af", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
            ("b4190e", "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2"),
            ("74ba2521", "b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e"),
            ("c299209682", "f0887fe961c9cd3beab957e8222494abb969b1ce4c6557976df8b0f6d20e9166"),
            ("e1dc724d5621", "eca0a060b489636225b4fa64d267dabbe44273067ac679f20820bddc6b6a90ac"),
            ("06e076f5a442d5", "3fd877e27450e6bbd5d74bb82f9870c64c66e109418baa8e6bbcff355e287926"),
            ("5738c929c4f4ccb6", "963bb88f27f512777aab6c8b1a02c70ec0ad651d428f870036e1917120fb48bf"),
        ])
    func `the short messages of CAVP come out`(engine: SHA256.Engine, example: (message: String, digest: String)) throws
    {
        let bytes = try #require(Hex.bytes(of: example.message))
        #expect(Hex.text(of: SHA256.hash(bytes, engine)) == example.digest)
    }

    @Test(
        arguments: engines,
        [
            (UInt8(0xBD), 1, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
            (0, 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
            (0, 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
            (0, 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
            (0, 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
            (0, 1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"),
            (0x41, 1000, "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4"),
            (0x55, 1005, "f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0"),
            (0x61, 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
            (0, 1_000_000, "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"),
        ])
    func `long runs of one byte come out`(engine: SHA256.Engine, run: (byte: UInt8, count: Int, digest: String)) {
        let message = [UInt8](repeating: run.byte, count: run.count)
        #expect(Hex.text(of: SHA256.hash(message, engine)) == run.digest)
    }

    /// The expected value is `hashlib.sha256` over the digests that hashlib gives for the same 129 messages.
    @Test(arguments: engines)
    func `every message length from 0 to 128 agrees with another implementation`(engine: SHA256.Engine) {
        var digests: [UInt8] = []
        for length in 0...128 {
            digests += SHA256.hash((0..<length).map { UInt8(truncatingIfNeeded: 7 * $0 + length) }, engine)
        }
        let expected = "c1eb27c152f0e73742ba2d63c1c8a8ce658468c069b8708252e98706fd7c6404"
        #expect(Hex.text(of: SHA256.hash(digests, engine)) == expected)
    }

    @Test(.enabled(if: engines.count > 1, "the processor has no instructions for SHA-256"))
    func `instructions and plain Swift agree on every length to 4096 and wherever the text lies`() {
        let text = (0..<4200).map { UInt8(truncatingIfNeeded: $0 &* 151 ^ $0 >> 3) }
        for length in 0...4096 {
            let start = length % 67
            var digests: [[UInt8]] = []
            for engine in engines {
                var hasher = SHA256(engine)
                hasher.update(text[start..<start + length])
                digests.append(hasher.finalize())
            }
            #expect(digests[0] == digests[1], "\(length) bytes from \(start) on")
        }
    }

    @Test(arguments: engines)
    func `a message of any length to 200 may be cut anywhere once`(engine: SHA256.Engine) {
        let text = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 5) }
        for length in 0...text.count {
            let whole = SHA256.hash(Array(text[..<length]), engine)
            for cut in 0...length {
                var hasher = SHA256(engine)
                hasher.update(text[..<cut])
                hasher.update(text[cut..<length])
                #expect(hasher.finalize() == whole, "\(length) bytes cut at \(cut)")
            }
        }
    }

    @Test(arguments: engines, [1, 3, 55, 56, 63, 64, 65, 127, 128, 129, 500])
    func `how a message is cut does not change its digest`(engine: SHA256.Engine, piece: Int) {
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var hasher = SHA256(engine)
        for start in stride(from: 0, to: message.count, by: piece) {
            hasher.update(message[start..<min(start + piece, message.count)])
        }
        #expect(hasher.finalize() == SHA256.hash(message, engine))
    }

    @Test(arguments: engines) func `a hasher is as new after its digest`(engine: SHA256.Engine) {
        var hasher = SHA256(engine)
        hasher.update(Array("before".utf8))
        _ = hasher.finalize()
        hasher.update(Array("abc".utf8))
        #expect(hasher.finalize() == SHA256.hash(Array("abc".utf8), engine))
    }

    @Test(arguments: engines) func `a copy of a hasher goes its own way`(engine: SHA256.Engine) {
        var one = SHA256(engine)
        one.update(Array("a".utf8))
        var other = one
        one.update(Array("b".utf8))
        other.update(Array("c".utf8))
        #expect(one.finalize() == SHA256.hash(Array("ab".utf8), engine))
        #expect(other.finalize() == SHA256.hash(Array("ac".utf8), engine))
    }
}
