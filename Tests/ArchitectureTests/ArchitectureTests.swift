import Linux
import Testing

/// The table of arrows: what each target may import of this package, and whether it may call libc.
private struct Layer: Sendable, CustomTestStringConvertible {
    let target: String
    let mayImport: Set<String>
    let mayCallC: Bool

    init(_ target: String, _ mayImport: Set<String>, callsC: Bool = false) {
        self.target = target
        self.mayImport = mayImport
        mayCallC = callsC
    }

    var testDescription: String { target }
}

private let values: Set<String> = ["MIG", "JSON"]
private let level2: Set<String> = ["Policy", "Planner", "NVML", "Nodes", "Audit", "Varlink"]

private let layers: [Layer] = [
    Layer("MIG", []),
    Layer("JSON", []),
    Layer("Linux", ["CLinux", "MIG"], callsC: true),
    Layer("Privilege", ["CCap", "CLinux", "Linux", "MIG"], callsC: true),
    Layer("Policy", values.union(["Linux"])),
    Layer("Planner", ["MIG"]),
    Layer("NVML", ["CNVML", "Linux", "MIG"], callsC: true),
    Layer("Nodes", ["Linux", "MIG"]),
    Layer("Audit", values.union(["Linux"])),
    Layer("Varlink", values.union(["Linux"])),
    Layer("Broker", values.union(level2).union(["Linux"]).subtracting(["Varlink"])),
    Layer("API", values.union(["Varlink"])),
    Layer("migbrokerd", values.union(level2).union(["Broker", "API", "Linux", "Privilege"])),
    Layer("migctl", values.union(["API", "Varlink", "Policy", "Audit", "Linux"])),
    Layer("migbench", values.union(["API", "Varlink", "Policy", "Audit", "NVML", "Linux"])),
    Layer("SimulatedMachine", values.union(["Linux", "CLinux"]), callsC: true),
    Layer("SimulatedNVML", values.union(["SimulatedMachine", "CNVML", "Linux"]), callsC: true),
    Layer("migsim", values.union(["SimulatedMachine", "Linux", "CLinux"]), callsC: true),
]

/// Modules of the toolchain that anybody may import.
private let toolchain: Set<String> = ["Synchronization"]

@Suite("Architecture")
struct ArchitectureTests {
    @Test(arguments: layers)
    private func `a target imports only what the table of arrows allows`(layer: Layer) throws {
        for file in try Sources.swiftFiles(of: layer.target) {
            for module in file.imports {
                let isOwn = layer.mayImport.contains(module)
                let isC = module == "Glibc" && layer.mayCallC
                #expect(isOwn || isC || toolchain.contains(module), "\(file.name) imports \(module)")
            }
        }
    }

    @Test func `every target that has code is in the table`() throws {
        let declared = Set(layers.map(\.target)).union(["CLinux", "CCap", "CNVML"])
        #expect(try Set(Files.list(Sources.root + "/Sources")).subtracting(declared) == [])
    }

    @Test func `nothing imports Foundation, Dispatch or a package`() throws {
        for layer in layers {
            for file in try Sources.swiftFiles(of: layer.target) {
                for module in ["Foundation", "FoundationEssentials", "Dispatch", "System"] {
                    #expect(!file.imports.contains(module), "\(file.name) imports \(module)")
                }
            }
        }
        let manifest = try Sources.lines(Sources.root + "/Package.swift")
        #expect(!manifest.contains { $0.contains(".package(") })
    }

    @Test func `the top level holds what the owner wants and nothing else`() throws {
        let wanted: Set<String> = ["Package.swift", "Sources", "Tests", "policy", "systemd", "README.md"]
        let here = try Files.list(Sources.root).filter { !$0.hasPrefix(".") && $0 != "Package.resolved" }
        #expect(Set(here) == wanted)
    }

    @Test(arguments: layers)
    private func `no file is longer than a reader's patience`(layer: Layer) throws {
        for file in try Sources.swiftFiles(of: layer.target) where !file.isTable {
            #expect(file.lines.count <= 500, "\(file.name) has \(file.lines.count) lines")
        }
    }

    @Test(arguments: layers)
    private func `nothing in the product can be brought down by a shortcut`(layer: Layer) throws {
        for file in try Sources.swiftFiles(of: layer.target) {
            for (number, line) in file.lines.enumerated() {
                let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                for shortcut in ["try!", "as!", "fatalError(", "@unchecked Sendable"] where code.contains(shortcut) {
                    let isOwner = shortcut == "@unchecked Sendable" && (layer.mayCallC || layer.target == "NVML")
                    #expect(isOwner, "\(file.name):\(number + 1) has \(shortcut)")
                }
            }
        }
    }

    @Test(arguments: layers)
    private func `everything another target can call says what it is for`(layer: Layer) throws {
        for file in try Sources.swiftFiles(of: layer.target) {
            for (number, line) in file.lines.enumerated() where file.declaresType(at: number) {
                let documented = file.isDocumented(at: number)
                #expect(documented, "\(file.name):\(number + 1) has no doc comment: \(line)")
            }
        }
    }
}

/// The package's own source text.
private enum Sources {
    static let root = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))

    struct File {
        let name: String
        let lines: [String]

        var imports: Set<String> {
            var modules: Set<String> = []
            for line in lines {
                let words = line.split(separator: " ")
                guard let position = words.firstIndex(of: "import"), position < 2, position + 1 < words.count else {
                    continue
                }
                let isPlain = position == 0 || ["package", "internal", "public", "@testable"].contains(words[0])
                guard isPlain else { continue }
                modules.insert(String(words[position + 1].prefix { $0 != "." }))
            }
            return modules
        }

        /// Tables of data and the interface's text are read row by row, not as code.
        var isTable: Bool { name.contains("Table") || name.contains("InterfaceDescription") }

        func declaresType(at number: Int) -> Bool {
            // A nested type is read with the one around it.
            guard lines[number].hasPrefix("package ") else { return false }
            let kinds: Set<Substring> = ["struct", "enum", "class", "protocol"]
            return lines[number].split(separator: " ").prefix(4).contains { kinds.contains($0) }
        }

        func isDocumented(at number: Int) -> Bool {
            var line = number - 1
            while line >= 0, lines[line].hasPrefix("@") || lines[line].trimmingSpaces().hasPrefix("@") { line -= 1 }
            return line >= 0 && lines[line].trimmingSpaces().hasPrefix("///")
        }
    }

    static func lines(_ path: String) throws -> [String] {
        String(decoding: try Files.read(path), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
    }

    static func swiftFiles(of target: String) throws -> [File] {
        try files(below: "\(root)/Sources/\(target)")
    }

    private static func files(below directory: String) throws -> [File] {
        var found: [File] = []
        for name in try Files.list(directory) {
            let path = "\(directory)/\(name)"
            if try Files.attributes(path).kind == .directory {
                found += try files(below: path)
            } else if name.hasSuffix(".swift") {
                found.append(File(name: String(path.dropFirst(root.count + 9)), lines: try lines(path)))
            }
        }
        return found
    }
}

extension String {
    fileprivate func trimmingSpaces() -> Substring { drop { $0 == " " } }
}
