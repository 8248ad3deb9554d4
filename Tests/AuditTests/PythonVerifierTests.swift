import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

private let script = Files.parent(of: #filePath) + "/verify_audit.py"

/// The log held against a verifier in another language, written from the format's description.
@Suite(.enabled(if: isRunnable("python3", ["-c", "import hashlib"]), "needs python3"))
struct PythonVerifierTests {
    /// Half of the logs are sealed, and checked with their key.
    @Test func `both verifiers agree on ten thousand altered logs`() throws {
        let directory = try TemporaryDirectory()
        let keys = directory.path("keys")
        try Files.write(keys, Array(SealedLog.keyText.utf8))
        var generator = Generator(state: 20)
        let bare = SampleLog.lines(count: 12)
        let sealed = SealedLog.lines(SealedLog.elements(epochs: [3, 0, 2, 3], rest: 1))
        for batch in 0..<20 {
            let isSealed = batch % 2 == 1
            var paths: [String] = []
            for number in 0..<500 {
                let path = directory.path("log-\(number)")
                let mutation = LogMutation(rawValue: number % LogMutation.allCases.count) ?? .flip
                let lines = mutation.applied(to: isSealed ? sealed : bare, &generator)
                try Files.write(path, Array(lines.joined()))
                paths.append(path)
            }
            let words = [script, "--each"] + (isSealed ? ["--key", keys] : [])
            let verdicts = try run("python3", words + paths).output.split(separator: "\n").map(String.init)
            try #require(verdicts.count == paths.count)
            var broken = 0
            for (path, verdict) in zip(paths, verdicts) {
                let ours = Self.text(try AuditReport.of([path], keys: isSealed ? SealedLog.ring() : nil))
                #expect(ours == verdict)
                if ours.hasPrefix("bad") { broken += 1 }
            }
            // Cut at a line, and left as it was: only those are logs.
            #expect(broken > 350 && broken < 500)
        }
    }

    @Test func `both verifiers agree on heads`() throws {
        let directory = try TemporaryDirectory()
        let lines = SampleLog.lines(count: 12)
        let path = directory.path("log")
        try Files.write(path, Array(lines[2..<10].joined()))
        for seq in [0, 1, 2, 3, 10, 12] {
            for hash in [SampleLog.head(Array(lines[..<seq])).hash, String(repeating: "5", count: 64)] {
                let head = AuditHead(seq: Int64(seq), hash: hash, segment: "", offset: 0)
                let theirs = try run("python3", [script, "--head", head.description, path]).output
                #expect(Self.text(try AuditReport.of([path], head: head)) + "\n" == theirs)
            }
        }
    }

    @Test func `both verifiers take a sealed log with its key, and each seal to its key`() throws {
        let directory = try TemporaryDirectory()
        let keys = directory.path("keys")
        var verdicts: [String] = []
        for (ring, paths) in try sealedCases(in: directory.path) {
            try Files.write(keys, Array(ring.utf8))
            let theirs = try run("python3", [script, "--each", "--key", keys] + paths).output.split(separator: "\n")
            let ours = try paths.map {
                Self.text(try AuditReport.of([$0], keys: AuditKeyRing(Array(ring.utf8))))
            }
            #expect(ours == theirs.map(String.init))
            verdicts += ours
        }
        #expect(verdicts.count { $0.hasPrefix("ok") } > 10)
        for word in ["wrongSeal", "wrongEpoch", "unsealed", "noSeal", "malformed"] {
            #expect(verdicts.contains { $0.hasSuffix(word) }, "\(word)")
        }
    }

    /// Logs of every kind of sealing, whole and from the middle, and the keys to check them with.
    private func sealedCases(in directory: String) throws -> [(ring: String, paths: [String])] {
        let key = try #require(SealedLog.key())
        let second = String(decoding: try #require(SealedLog.key(of: 2)).text, as: UTF8.self)
        let logs: [[SealedLog.Element]] = [
            SealedLog.elements(epochs: [3, 4, 2], rest: 2), SealedLog.elements(epochs: [0, 999, 1]),
            SealedLog.elements(epochs: [2, 1000]), SealedLog.elements(epochs: [2], rest: 1000),
            SealedLog.elements(epochs: [1200, 3]), SealedLog.elements(epochs: [3, 3], from: 2),
            SealedLog.elements(epochs: [], rest: 5), SealedLog.elements(epochs: [3]) + [.seal(2, key)],
            SealedLog.elements(epochs: [3]) + [.seal(1, key)],
        ]
        var paths: [String] = []
        for (number, elements) in logs.enumerated() {
            let lines = SealedLog.lines(elements)
            for dropped in [0, 1, 4, 7] {
                let path = "\(directory)/sealed-\(number)-\(dropped)"
                try Files.write(path, Array(lines.dropFirst(dropped).joined()))
                paths.append(path)
            }
        }
        let odd = "\(directory)/odd"
        let text = String(decoding: SealedLog.lines([.seal(0, key)])[0].dropLast(76), as: UTF8.self)
        let covered = Array(text.replacing(",\"epoch\":0", with: "").utf8)
        try Files.write(odd, covered + Array(",\"hash\":\"\(Hex.text(of: SHA256.hash(covered)))\"}\n".utf8))
        return [SealedLog.keyText, "\(SealedLog.keyText)\n\n\(second)\n", second].map { ($0, paths + [odd]) }
    }

    /// A verdict in the words of the script.
    private static func text(_ report: AuditReport) -> String {
        switch report.verification {
        case .intact(let records, let first, let last):
            return "ok \(records) \(first) \(last.seq) \(last.hash) \(report.seals) \(report.unsealed)"
        case .broken(let file, let line, let seq, let fault):
            return "bad \(file) \(line) \(seq.map(String.init) ?? "-") \(fault.word)"
        }
    }
}

extension AuditFault {
    /// The case's name, as the script has it.
    fileprivate var word: String {
        switch self {
        case .malformed: "malformed"
        case .torn: "torn"
        case .tooLong: "tooLong"
        case .wrongHash: "wrongHash"
        case .wrongSequence: "wrongSequence"
        case .wrongPrevious: "wrongPrevious"
        case .endsBefore: "endsBefore"
        case .beginsAfter: "beginsAfter"
        case .differs: "differs"
        case .beginningGone: "beginningGone"
        case .wrongEpoch: "wrongEpoch"
        case .wrongSeal: "wrongSeal"
        case .unsealed: "unsealed"
        case .noSeal: "noSeal"
        case .sealsGone: "sealsGone"
        }
    }
}
