import Linux
import MIG

/// A program that was started and has not been waited for; what it says on standard error goes to a file.
final class RunningProgram {
    private let child: ChildProcess
    private let path: String
    private let log: String
    var pid: Int32 { child.pid }
    /// As shells tell it; nil while it runs.
    private var code: Int32?

    private static let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "NO_COLOR=1"]

    init(_ path: String, _ arguments: [String], log: String) throws(BenchmarkError) {
        self.path = path
        self.log = log
        child = try BenchmarkError.from { () throws(SystemError) in
            let errors = try Files.open(log, [.append, .create], mode: 0o600)
            return try ChildProcess(
                path, arguments: arguments, environment: Self.environment,
                streams: .init(input: nil, output: nil, error: errors.raw))
        }
    }

    /// Waits for its end, which must be a good one.
    func finish() throws(BenchmarkError) {
        code = try BenchmarkError.from { () throws(SystemError) in try child.wait().shellCode }
        _ = try hasFinished()
    }

    /// Whether it has ended, well; a bad end is thrown.
    func hasFinished() throws(BenchmarkError) -> Bool {
        if code == nil {
            code = try BenchmarkError.from { () throws(SystemError) in try child.poll()?.shellCode }
        }
        guard let code else { return false }
        guard code == 0 else { throw .program(path, code: code, said: said) }
        return true
    }

    /// Asks it to end where it still runs, and has it killed where it does not in time.
    func stop(seconds: Int) throws(BenchmarkError) {
        guard code == nil else { return }
        child.signal(Signals.terminate)
        let deadline = Clock.monotonic() + Int64(seconds) * 1_000_000_000
        while try !hasFinished() {
            if Clock.monotonic() > deadline { child.signal(Self.kill) }
            Clock.sleep(milliseconds: 1)
        }
    }

    /// The most bytes of memory that it held until its end, which must be a good one; waits for it.
    func peakMemory() throws(BenchmarkError) -> Int64 {
        var peak: Int64 = 0
        while try !hasFinished() {
            let file = "/proc/\(child.pid)/status"
            let bytes = try BenchmarkError.from { () throws(SystemError) in try Files.read(file, limit: 64 << 10) }
            // Whoever has ended and was not waited for yet has none.
            for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "VmHWM:".utf8) {
                let digits = line.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                peak = max(peak, Int64(Decimal.value(of: String(decoding: digits, as: UTF8.self)) ?? 0) << 10)
            }
            Clock.sleep(milliseconds: 1)
        }
        guard peak > 0 else { throw .unexpected("\(path) ended before its memory was seen") }
        return peak
    }

    /// Bytes of memory that it holds now, in all and without those of one library.
    func residentMemory(without library: String) throws(BenchmarkError) -> (all: Int64, rest: Int64) {
        let file = "/proc/\(child.pid)/smaps"
        let bytes = try BenchmarkError.from { () throws(SystemError) in try Files.read(file, limit: 4 << 20) }
        var memory: (all: Int64, rest: Int64) = (0, 0)
        var isLibrary = false
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard line.starts(with: "Rss:".utf8) else {
                // Each mapping begins with its addresses and ends its line with its file; its figures have capitals.
                let isMapping = line.first.map { !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) } ?? false
                if isMapping { isLibrary = line.suffix(library.utf8.count).elementsEqual(library.utf8) }
                continue
            }
            let digits = line.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard let kibibytes = Decimal.value(of: String(decoding: digits, as: UTF8.self)) else {
                throw .unexpected("\(file) is not understood")
            }
            memory.all += Int64(kibibytes) << 10
            if !isLibrary { memory.rest += Int64(kibibytes) << 10 }
        }
        return memory
    }

    /// The error that says why it gave no answer.
    func silence(seconds: Int) -> BenchmarkError { .noAnswer(seconds: seconds, said: said) }

    // For people; that it cannot be read matters less than what happened.
    private var said: String { String(decoding: (try? Files.read(log)) ?? [], as: UTF8.self) }

    private static let kill: Int32 = 9
}
