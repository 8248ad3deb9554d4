import Glibc
import Linux

/// Where this very build put its programs and libraries, so that tests run those and never a leftover of another.
package enum BuiltProducts {
    /// The directory of the test executable, which the build shares with all products.
    package static let directory: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard length > 0 else { return "." }
        let path = buffer[..<length].map { UInt8(bitPattern: $0) }
        let directory = path.lastIndex(of: UInt8(ascii: "/")).map { path[..<$0] } ?? path[...]
        return String(decoding: directory, as: UTF8.self)
    }()

    /// The path of a product, `migsim` or `SimulatedNVML`, whether it was built or not.
    package static func path(of product: String) -> String { "\(products ?? directory)/\(product)" }

    /// Where the products of another build are, an optimised one's for instance, that are to be tested instead.
    private static let products = CurrentProcess.environment("MIGBROKER_PRODUCTS")

    /// Whether a product is there.
    package static func has(_ product: String) -> Bool { access(path(of: product), R_OK) == 0 }
}
