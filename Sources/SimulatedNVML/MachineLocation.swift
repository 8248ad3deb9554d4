import Glibc

/// Which machine this library belongs to.
enum MachineLocation {
    /// `MIGSIM_ROOT`, or the directory above the one that the library was loaded from: a program that clears its
    /// environment still finds its machine.
    static let directory: String = {
        if let root = getenv("MIGSIM_ROOT") { return String(cString: root) }
        let parts = library.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        return parts.joined(separator: "/")
    }()

    /// The path of this library as the kernel has it in the process's memory map; empty where there is no /proc.
    private static var library: String {
        // A closure's code lies in this very library, and its symbol is nobody else's to replace.
        let anchor: @convention(c) () -> Void = {}
        let address = UInt(bitPattern: unsafeBitCast(anchor, to: UnsafeRawPointer.self))
        guard let maps = fopen("/proc/self/maps", "re") else { return "" }
        defer { fclose(maps) }
        var line = [CChar](repeating: 0, count: 8192)
        while fgets(&line, CInt(line.count), maps) != nil {
            let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let range = text.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard range.count == 2, (range[0]..<range[1]).contains(address),
                let path = text.firstIndex(of: "/")
            else { continue }
            return String(text[path...])
        }
        return ""
    }
}
