import Glibc
import Linux
import MIG
import SimulatedMachine
import TestSupport
import Testing

/// A machine with something in every document.
private struct WrittenMachine: ~Copyable {
    let test: TestMachine
    /// The files that hold; the header first.
    let files: [String]
    var path: String { test.path }

    init(library: String = "/dev/null") throws {
        let test = try TestMachine(library: library)
        let machine = test.machine
        let instance = try machine.createInstance(gpu: 0, profile: GPUInstanceProfileID(9), at: nil)
        _ = try machine.createCompute(
            gpu: 0, in: instance.id, serial: instance.serial, profile: ComputeInstanceProfileID(2), at: nil)
        try machine.changeFaults { $0.append(Fault(call: "nvmlEventSetFree", effect: .result(.inUse), times: 3)) }
        try machine.raise(Xid(gpu: 0, code: 31, gpuInstance: instance.id))
        let layout = machine.layout
        self.test = test
        files = [layout.header, "\(layout.machine).1", "\(layout.faults).1", "\(layout.xids).1"]
    }
}

/// Files of a machine's state that are not what was written to them, from broken disks to editors.
@Suite struct `Damaged state` {
    /// All that a machine's documents say, as an opening of its own reads them.
    private static func contents(_ directory: String) throws -> Contents {
        let machine = try Machine(directory: directory)
        try machine.mend()
        return Contents(state: try machine.state(), faults: try machine.faults(), xids: try machine.xids())
    }

    private struct Contents: Equatable {
        let state: MachineState
        let faults: [Fault]
        let xids: XidLog
    }

    /// Whether a machine is refused with the name of a file, or read as what it was.
    private static func expectRefusalOrTruth(_ path: String, _ file: String, _ truth: Contents, _ what: String) -> Bool
    {
        do {
            #expect(try contents(path) == truth, "\(file), \(what)")
            return false
        } catch let error as MachineError {
            let text = error.description
            #expect(text.contains(" is damaged: ") && text.hasPrefix("\(path)/state/"), "\(file), \(what): \(text)")
            return true
        } catch {
            Issue.record("\(file), \(what): \(error)")
            return true
        }
    }

    @Test func `a file cut anywhere is refused by name`() throws {
        let machine = try WrittenMachine()
        let truth = try Self.contents(machine.path)
        for path in machine.files {
            let good = try Files.read(path)
            for length in stride(from: 0, to: good.count, by: path.hasSuffix("header") ? 61 : 1) {
                try Files.write(path, Array(good[..<length]))
                #expect(Self.expectRefusalOrTruth(machine.path, path, truth, "cut to \(length) bytes"))
            }
            try Files.write(path, good)
        }
        #expect(try Self.contents(machine.path) == truth)
    }

    @Test func `a file with any one bit changed is refused by name, or the bit says nothing`() throws {
        let machine = try WrittenMachine()
        let truth = try Self.contents(machine.path)
        for path in machine.files {
            var bytes = try Files.read(path)
            let isHeader = path.hasSuffix("header")
            var harmless = 0
            // Of the header only five words say anything.
            for position in bytes.indices where !isHeader || position < 400 {
                for bit in 0..<8 {
                    bytes[position] ^= 1 << bit
                    try Files.write(path, bytes)
                    if !Self.expectRefusalOrTruth(machine.path, path, truth, "bit \(bit) of byte \(position)") {
                        harmless += 1
                    }
                    bytes[position] ^= 1 << bit
                }
            }
            try Files.write(path, bytes)
            #expect(harmless == (isHeader ? (400 - 5 * 8) * 8 : 0), "\(path)")
        }
    }

    @Test func `bytes that are appended, and the file of another time, are refused by name`() throws {
        let machine = try WrittenMachine()
        let truth = try Self.contents(machine.path)
        for path in machine.files.dropFirst() {
            let good = try Files.read(path)
            for tail in ["\n", " ", "x", String(decoding: good, as: UTF8.self)] {
                try Files.write(path, good + Array(tail.utf8))
                #expect(Self.expectRefusalOrTruth(machine.path, path, truth, "with more"))
            }
            let digit = path.last == "0" ? 1 : 0
            try Files.write(path, try Files.read("\(path.dropLast())\(digit)"))
            #expect(Self.expectRefusalOrTruth(machine.path, path, truth, "of another time"))
            try Files.remove(path)
            #expect(Self.expectRefusalOrTruth(machine.path, path, truth, "that is not there"))
            try Files.write(path, good)
        }
    }

    @Test(arguments: 0..<4)
    func `what is refused is not changed either`(number: Int) throws {
        let machine = try WrittenMachine()
        let file = machine.files[number]
        let damaged = Array(try Files.read(file).dropLast())
        try Files.write(file, damaged)
        #expect(throws: MachineError.self) {
            let opened = try Machine(directory: machine.path)
            try opened.changeFaults { $0 = [] }
            try opened.raise(Xid(gpu: 0, code: 1))
            _ = try opened.createInstance(gpu: 1, profile: GPUInstanceProfileID(19), at: nil)
        }
        #expect(try Files.read(file) == damaged)
    }

    @Test(.enabled(if: BuiltProducts.has("migsim"), "needs the built migsim"))
    func `the program names the file and ends with status 1`() throws {
        let machine = try WrittenMachine()
        for path in machine.files.dropLast() {
            let good = try Files.read(path)
            try Files.write(path, Array(good.dropLast(good.count / 2)))
            let shown = try Command.run(BuiltProducts.path(of: "migsim"), ["show", machine.path])
            #expect(shown.code == 1 && shown.output.isEmpty)
            #expect(shown.errors.hasPrefix("migsim: \(path) is damaged: "), "\(shown.errors)")
            #expect(shown.errors.split(separator: "\n").count == 1)
            try Files.write(path, good)
        }
        #expect(try Command.run(BuiltProducts.path(of: "migsim"), ["show", machine.path]).code == 0)
    }

    @Test(.enabled(if: BuiltProducts.has("SimulatedNVML"), "needs the built library"), arguments: 0..<4)
    func `the library says UNKNOWN to every call, and once on standard error which file it is`(
        number: Int
    ) async throws {
        let machine = try WrittenMachine(library: TestMachine.library)
        let (path, file) = (machine.path, machine.files[number])
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            [path = path as String, file = file as String] in
            let library = try DriverLibrary(of: path)
            let set = try library.get("nvmlEventSetCreate")
            let machine = try Machine(directory: path)
            // The next value comes with its counter; the old one is known already.
            try machine.changeFaults { $0.append(Fault(call: "nvmlEventSetCreate", effect: .none)) }
            try machine.raise(Xid(gpu: 1, code: 13))
            _ = try machine.createInstance(gpu: 1, profile: GPUInstanceProfileID(19), at: nil)
            for file in file.hasSuffix("header") ? [file] : ["\(file.dropLast())0", "\(file.dropLast())1"] {
                // In place, as what is mapped would end with a file that is cut.
                let open = try Files.open(file, .write)
                try open.write([UInt8](repeating: 0x20, count: 64))
            }
            let asksForErrors = file.contains("xids")
            let call = asksForErrors ? "nvmlDeviceRegisterEvents" : "nvmlDeviceGetCount_v2"
            let words: [UInt] = asksForErrors ? [try library.get("nvmlDeviceGetHandleByIndex_v2", 0), 8, set] : [set]
            for _ in 0..<3 { #expect(try library.call(call, words) == .unknown) }
        }
        let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let lines = said.split(separator: "\n").filter { $0.hasPrefix("simulated driver: ") }
        #expect(lines.count == 1, "\(said)")
        let name = file.hasSuffix("header") ? file : "\(file.dropLast())"
        #expect(lines.first?.contains(name) == true && lines.first?.contains(" is damaged: ") == true, "\(said)")
    }

    @Test(.enabled(if: BuiltProducts.has("SimulatedNVML"), "needs the built library"))
    func `a program that starts on it learns the same`() async throws {
        let machine = try WrittenMachine(library: TestMachine.library)
        for file in machine.files.dropLast() {
            let good = try Files.read(file)
            try Files.write(file, Array(good.dropLast()))
            let path = machine.path
            let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
                [path = path as String] in
                let library = try DriverLibrary(withoutSessionOf: path)
                for _ in 0..<3 { #expect(try library.call("nvmlInit_v2") == .unknown) }
                #expect(try library.call("nvmlShutdown") == .uninitialized)
            }
            let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
            #expect(said.contains("simulated driver: \(file) is damaged: "), "\(said)")
            try Files.write(file, good)
        }
    }
}
