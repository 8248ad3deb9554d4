import Linux
import MIG
import TestSupport
import Testing

@testable import Audit

private let script = Files.parent(of: #filePath) + "/verify_audit.py"

/// The log held against a verifier in another language, written from the format's description.
@Suite(.enabled(if: isRunnable("python3", ["-c", "import hashlib"]), "needs python3"))
struct PythonVerifierTests {
    @Test func `both verifiers agree on a thousand altered logs`() throws {
        let directory = try TemporaryDirectory()
        var generator = Generator(state: 20)
        let lines = SampleLog.lines(count: 12)
        var paths: [String] = []
        for number in 0..<1000 {
            let path = directory.path("log-\(number)")
            try Files.write(path, Array(mutated(lines, number, &generator).joined()))
            paths.append(path)
        }
        let verdicts = try run("python3", [script, "--each"] + paths).output.split(separator: "\n").map(String.init)
        try #require(verdicts.count == paths.count)
        var broken = 0
        for (path, verdict) in zip(paths, verdicts) {
            let ours = Self.text(try AuditVerifier.verify([path]))
            #expect(ours == verdict)
            if ours.hasPrefix("bad") { broken += 1 }
        }
        // Cut at a line, and left as it was: only those are logs.
        #expect(broken > 700 && broken < 1000)
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
                #expect(Self.text(try AuditVerifier.verify([path], head: head)) + "\n" == theirs)
            }
        }
    }

    @Test func `both verifiers take a record with a keyed hash, and hold it to its hash`() throws {
        let directory = try TemporaryDirectory()
        let covered = SampleLog.lines(count: 1)[0].dropLast(76) + Array(",\"mac\":\"\(AuditFormat.genesis)\"".utf8)
        let hash = Hex.text(of: SHA256.hash(Array(covered)))
        let good = covered + Array(",\"hash\":\"\(hash)\"}\n".utf8)
        var bad = Array(good)
        bad[covered.count - 10] = UInt8(ascii: "1")
        try Files.write(directory.path("good"), Array(good))
        try Files.write(directory.path("bad"), bad)
        let paths = [directory.path("good"), directory.path("bad")]
        let verdicts = try run("python3", [script, "--each"] + paths).output.split(separator: "\n")
        #expect(verdicts == ["ok 1 1 1 \(hash)", "bad \(paths[1]) 1 1 wrongHash"])
        #expect(try paths.map { Self.text(try AuditVerifier.verify([$0])) } == verdicts.map(String.init))
    }

    /// A verdict in the words of the script.
    private static func text(_ verdict: AuditVerification) -> String {
        switch verdict {
        case .intact(let records, let first, let last): return "ok \(records) \(first) \(last.seq) \(last.hash)"
        case .broken(let file, let line, let seq, let fault):
            let word = String(describing: Mirror(reflecting: fault).children.first?.label ?? name(fault))
            return "bad \(file) \(line) \(seq.map(String.init) ?? "-") \(word)"
        }
    }

    private static func name(_ fault: AuditFault) -> String {
        switch fault {
        case .malformed: "malformed"
        case .torn: "torn"
        case .tooLong: "tooLong"
        case .wrongHash: "wrongHash"
        case .wrongPrevious: "wrongPrevious"
        case .wrongSequence, .endsBefore, .beginsAfter, .differs: ""
        }
    }

    private func mutated(_ lines: [[UInt8]], _ number: Int, _ generator: inout Generator) -> [[UInt8]] {
        var lines = lines
        let index = Int.random(in: 0..<lines.count, using: &generator)
        let position = Int.random(in: 0..<lines[index].count, using: &generator)
        switch number % 10 {
        case 0: lines[index][position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: lines[index][position] = UInt8.random(in: 0...255, using: &generator)
        case 2: lines.remove(at: index)
        case 3: lines.insert(lines[index], at: Int.random(in: 0...lines.count, using: &generator))
        case 4: lines.shuffle(using: &generator)
        case 5: lines[index].remove(at: position)
        case 6: lines[index].insert(UInt8.random(in: 0x0A...0x7F, using: &generator), at: position)
        case 7: lines = Array(lines[..<index]) + [Array(lines[index][..<position])]
        case 8: lines = Array(lines[..<index])
        default: rewrite(&lines[index], &generator)
        }
        return lines
    }

    /// Changes a digit somewhere and gives the line the hash that goes with it.
    private func rewrite(_ line: inout [UInt8], _ generator: inout Generator) {
        var covered = Array(line.dropLast(76))
        let digits = covered.indices.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(covered[$0]) }
        if let at = digits.randomElement(using: &generator) { covered[at] = UInt8(ascii: "4") }
        line = covered + Array(",\"hash\":\"\(Hex.text(of: SHA256.hash(covered)))\"}\n".utf8)
    }
}

/// Random numbers that are the same in each run (splitmix64).
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
