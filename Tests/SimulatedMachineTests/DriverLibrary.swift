import Glibc
import SimulatedMachine
import TestSupport

/// The driver's library of a machine, loaded into this process as its programs load it, and called by name.
///
/// Arguments are words, as the platform passes numbers and pointers alike. To be used in processes of their own: a session
/// is the process's.
struct DriverLibrary: Sendable {
    private typealias Function = @convention(c) (UInt, UInt, UInt, UInt, UInt) -> UInt32
    /// What the loader gave for it; never closed.
    private let library: UInt

    struct Missing: Error { let name: String }

    /// Loads the library of a machine and begins a session.
    init(of machine: String) throws {
        try self.init(withoutSessionOf: machine)
        try require("nvmlInit_v2")
    }

    init(withoutSessionOf machine: String) throws {
        let path = "\(machine)/lib/libnvidia-ml.so.1"
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else { throw Missing(name: path) }
        self.library = UInt(bitPattern: library)
    }

    /// Calls a function.
    func call(_ name: String, _ words: UInt...) throws -> DriverCode { try call(name, words) }

    /// Calls a function that is to succeed.
    func require(_ name: String, _ words: UInt...) throws {
        let code = try call(name, words)
        guard code == .success else { throw code }
    }

    /// Calls a function that writes one word, the last argument, and is to succeed.
    func get(_ name: String, _ words: UInt...) throws -> UInt {
        var word: UInt = 0
        let code = try withUnsafeMutablePointer(to: &word) { try call(name, words + [UInt(bitPattern: $0)]) }
        guard code == .success else { throw code }
        return word
    }

    /// Calls a function.
    func call(_ name: String, _ words: [UInt]) throws -> DriverCode {
        guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: library), name) else { throw Missing(name: name) }
        let function = unsafeBitCast(symbol, to: Function.self)
        let all = words + [UInt](repeating: 0, count: 5 - words.count)
        return DriverCode(rawValue: Int32(bitPattern: function(all[0], all[1], all[2], all[3], all[4])))
    }

    /// The functions that a library exports, as the system's own tool lists them.
    static func functions(of machine: String) throws -> [String] {
        let list = try Command.run("nm", ["-D", "--defined-only", "\(machine)/lib/libnvidia-ml.so.1"])
        return list.output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 3 && words[1] == "T" ? String(words[2]) : nil
        }
    }
}
