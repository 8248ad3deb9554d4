import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

/// What seals prove, whoever rewrites the log: A3 of the promises, and CVE-2023-31439.
struct AuditSealTests {
    private let epochs = [3, 4, 2, 5, 3]
    private var elements: [SealedLog.Element] { SealedLog.elements(epochs: epochs, rest: 2) }

    private func report(_ elements: [SealedLog.Element], from epoch: Int64? = 0) throws -> AuditReport {
        let directory = try TemporaryDirectory()
        return try SealedLog.report(
            SealedLog.lines(elements), epoch.flatMap { SealedLog.ring(from: $0) }, in: directory.path)
    }

    /// The element of the epoch's seal.
    private func seal(_ epoch: Int) -> Int { epochs[...epoch].reduce(0) { $0 + $1 + 1 } - 1 }

    @Test func `a sealed log is whole, with its key and without`() throws {
        for from in [nil, Int64(0)] {
            let report = try report(elements, from: from)
            #expect(report.fault == nil)
            #expect(report.seals == 5)
            #expect(report.keyedSeals == (from == nil ? 0 : 5))
            #expect(report.firstEpoch == 0 && report.lastEpoch == 4)
            #expect(report.unsealed == 2)
            #expect(report.beginning == .genesis)
        }
        #expect(try report(elements, from: 2).keyedSeals == 3)
    }

    /// The thief has the key of an epoch and all that follow from it; everything before is rewritten in each way.
    @Test(arguments: [1, 2, 3, 4]) func `a rewrite of any epoch before a theft is found`(theft: Int) throws {
        let stolen = try #require(SealedLog.key(of: Int64(theft)))
        for epoch in 0..<theft {
            var forged = SampleLog.record(0)
            forged.caller.uid = UserID(0)
            var rewritten = elements
            rewritten[seal(epoch) - 1] = .record(forged)
            // All seals from the theft on are the thief's to make; those before stay as they can be made.
            let honest = SealedLog.lines(elements)
            #expect(try fault(of: rewritten, keeping: honest, before: theft) == .wrongSeal(Int64(epoch)))
            // Sealed anew with the stolen key.
            for index in epoch..<theft { rewritten[seal(index)] = .seal(Int64(index), stolen) }
            #expect(try report(rewritten).fault == .wrongSeal(Int64(epoch)))
            // Without its seal.
            var merged = elements
            merged[seal(epoch) - 1] = .record(forged)
            merged.remove(at: seal(epoch))
            #expect(try report(merged).fault == .wrongEpoch(Int64(epoch) + 1))
            // With the later epochs renumbered, each by the key of its true number or of its new one.
            for isTrue in [true, false] {
                var renumbered = elements
                renumbered[seal(epoch) - 1] = .record(forged)
                renumbered.remove(at: seal(epoch))
                for later in epoch + 1..<epochs.count {
                    let key = try #require(SealedLog.key(of: Int64(max(theft, isTrue ? later : later - 1))))
                    renumbered[seal(later) - 1] = .seal(Int64(later) - 1, key)
                }
                #expect(try report(renumbered).fault == .wrongSeal(Int64(epoch)))
            }
        }
        // What the thief could do from then on, nobody can tell from the log alone.
        var late = elements
        late[seal(theft) - 1] = .record(AuditRecord(.stop))
        #expect(try report(late).fault == nil)
    }

    /// The chain is made anew, but seals before the theft keep the `mac` that they had.
    private func fault(
        of elements: [SealedLog.Element], keeping honest: [[UInt8]], before theft: Int
    ) throws -> AuditFault? {
        var lines: [[UInt8]] = []
        for (index, element) in elements.enumerated() {
            var line = SealedLog.lines([element], after: SampleLog.head(lines))[0]
            if case .seal(let epoch, _) = element, epoch < theft {
                let old = try #require(try AuditSeal.read(honest[index].dropLast()[...]))
                let own = try #require(try AuditSeal.read(line.dropLast()[...]))
                let covered = Array(own.covered) + Array(",\"mac\":\"".utf8) + old.mac + Array("\"".utf8)
                line = covered + Array(",\"hash\":\"\(Hex.text(of: SHA256.hash(covered)))\"}\n".utf8)
            }
            lines.append(line)
        }
        let directory = try TemporaryDirectory()
        return try SealedLog.report(lines, SealedLog.ring(), in: directory.path).fault
    }

    @Test func `all seals taken out, cut off or put at an end are found or told`() throws {
        let records = elements.filter { if case .record = $0 { true } else { false } }
        #expect(try report(records).fault == .noSeal)
        // To a seal, and some records more: no more than a thousand can be in doubt, and they are counted.
        let cut = Array(elements[...seal(2)]) + [.record(AuditRecord(.stop))]
        let told = try report(cut)
        #expect(told.fault == nil && told.lastEpoch == 2 && told.unsealed == 1)
        // A log that begins with the first record and with a later epoch lost what was before.
        let late = SealedLog.elements(epochs: [3, 3], from: 2)
        #expect(try report(late).fault == .wrongEpoch(2))
        // The first epochs dropped: told, not guessed.
        let directory = try TemporaryDirectory()
        let rest = Array(SealedLog.lines(elements)[(seal(1) + 1)...])
        let report = try SealedLog.report(rest, SealedLog.ring(), in: directory.path)
        #expect(report.fault == nil && report.firstEpoch == 2 && report.beginning == .unexplained)
        let whole = try AuditReport.of([directory.path("log")], whole: true)
        #expect(whole.fault == .sealsGone(before: 2))
    }

    @Test func `an epoch of a thousand records is whole, and of one more is not`() throws {
        for (count, fault) in [(999, nil), (1000, AuditFault.unsealed(after: 3))] {
            #expect(try report(SealedLog.elements(epochs: [2, count])).fault == fault)
            #expect(try report(SealedLog.elements(epochs: [2], rest: count)).fault == fault)
            #expect(try report(SealedLog.elements(epochs: [2], rest: count), from: nil).fault == fault)
        }
        // What was written before the first key was made is as long as it is.
        #expect(try report(SealedLog.elements(epochs: [1500, 3])).fault == nil)
        // A later part of a sealed log is held to the rule from its first record on.
        let directory = try TemporaryDirectory()
        for (dropped, fault) in [(101, nil), (100, AuditFault.unsealed(after: 100))] {
            let all = SealedLog.lines(SealedLog.elements(epochs: [98, 1001], rest: 0))
            let part = try SealedLog.report(Array(all[dropped...]), SealedLog.ring(), in: directory.path)
            #expect(part.fault == fault)
        }
    }

    @Test func `a key that is not this log's is told`() throws {
        let other = AuditKeyRing(Array("0:\(String(repeating: "ab", count: 32))".utf8))
        let directory = try TemporaryDirectory()
        let report = try SealedLog.report(SealedLog.lines(elements), other, in: directory.path)
        #expect(report.fault == .wrongSeal(0))
        #expect(try self.report(elements, from: 5).fault == .noSeal)
    }

    @Test func `after the loss of a key another one holds from its epoch on`() throws {
        let second = try #require(AuditKey(Array("2:\(String(repeating: "cd", count: 32))".utf8)[...]))
        let story =
            SealedLog.elements(epochs: [3, 3], rest: 4) + [.seal(2, second), .record(AuditRecord(.stop))]
            + [.seal(3, second.next())]
        let directory = try TemporaryDirectory()
        let lines = SealedLog.lines(story)
        let both = AuditKeyRing(Array((SealedLog.keyText + "\n\n").utf8) + second.text)
        #expect(try SealedLog.report(lines, both, in: directory.path).keyedSeals == 4)
        let later = try SealedLog.report(lines, AuditKeyRing(second.text), in: directory.path)
        #expect(later.fault == nil && later.keyedSeals == 2 && later.seals == 4)
        #expect(try SealedLog.report(lines, SealedLog.ring(), in: directory.path).fault == .wrongSeal(2))
    }

    @Test(arguments: [
        "", "\n", "0", "0:", "0:00", ":" + String(repeating: "00", count: 32),
        "x:" + String(repeating: "00", count: 32),
        "-1:" + String(repeating: "00", count: 32), "01:" + String(repeating: "00", count: 32),
        "0:" + String(repeating: "AB", count: 32), "0:" + String(repeating: "00", count: 33),
        SealedLog.keyText + "\n" + SealedLog.keyText, "5" + SealedLog.keyText + "\n" + SealedLog.keyText,
        SealedLog.keyText + " ", "1000000000000000000:" + String(repeating: "00", count: 32),
    ])
    func `what is no key is refused`(text: String) { #expect(AuditKeyRing(Array(text.utf8)) == nil) }

    @Test func `a seal that claims an epoch past all others costs no time`() throws {
        let key = try #require(SealedLog.key())
        let far = SealedLog.lines(
            [.seal(999_999_999_999_999_999, key)], after: SampleLog.head(SampleLog.lines(count: 3)))
        let directory = try TemporaryDirectory()
        let fault = try SealedLog.report(far, SealedLog.ring(), in: directory.path).fault
        #expect(fault == .wrongEpoch(999_999_999_999_999_999))
    }

    @Test func `only a seal bears a keyed hash, and every seal does`() throws {
        let key = try #require(SealedLog.key())
        var chain = AuditChain(after: .empty)
        func isRead(_ line: [UInt8]) -> Bool { (try? AuditEntry(line: Array(line.dropLast()))) != nil }
        var seal = AuditRecord(.seal)
        #expect(!isRead(chain.link(seal, SampleLog.stamp(0))))
        seal.epoch = 3
        #expect(!isRead(chain.link(seal, SampleLog.stamp(0))))
        #expect(isRead(chain.link(seal, SampleLog.stamp(0), key: key)))
        var stop = AuditRecord(.stop)
        #expect(!isRead(chain.link(stop, SampleLog.stamp(0), key: key)))
        stop.epoch = 3
        #expect(!isRead(chain.link(stop, SampleLog.stamp(0))))
        #expect(!isRead(chain.link(stop, SampleLog.stamp(0), key: key)))
        // By position alone: a mac without an epoch before its prev.
        let directory = try TemporaryDirectory()
        let odd = SealedLog.lines([.seal(0, key)])[0]
        let text = String(decoding: odd, as: UTF8.self).replacing(",\"epoch\":0", with: "").split(
            separator: ",\"hash\"")
        let line = Array("\(text[0]),\"hash\":\"\(Hex.text(of: SHA256.hash(Array(text[0].utf8))))\"}\n".utf8)
        #expect(try SealedLog.report([line], nil, in: directory.path).fault == .malformed)
    }
}
