internal import Glibc
internal import Linux

/// The driver's library in this process: found, trusted, loaded.
///
/// It is never unloaded: it keeps threads and descriptors of its own, and nothing is won by it.
@safe struct NVMLLibrary {
    let path: String
    // SAFETY: a handle of dlopen that is never closed, so symbols looked up in it stay valid for good.
    private let handle: UnsafeMutableRawPointer

    private static let name = "libnvidia-ml.so.1"
    // Where distributions and the vendor's installer put it; never the environment, and never the loader's cache,
    // which whoever runs ldconfig with a foreign directory has changed.
    private static let systemDirectories = [
        "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib",
        "/usr/lib/x86_64-linux-gnu/nvidia/current", "/usr/lib/aarch64-linux-gnu/nvidia/current",
    ]

    /// Loads the library from `driver`/lib, or where there is no such root, from the system's directories.
    ///
    /// The first place where there is one decides; an unsafe one is refused rather than passed over.
    /// `dlopen(RTLD_NOW|RTLD_LOCAL)`
    init(driver root: String?) throws(NVMLError) {
        let directories = root.map { ["\($0)/lib"] } ?? Self.systemDirectories
        path = try Self.find(in: directories)
        // It would turn recent libraries into another view of the machine, in which MIG does not exist.
        // SAFETY: both calls copy or only read their strings; the broker has one thread at this time.
        _ = unsafe unsetenv("NVML_MPS_DEVICE_ENUMERATION")
        guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            // SAFETY: dlerror's string is copied before the next call of the loader.
            let reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given"
            throw .libraryUnusable(path: path, reason: reason)
        }
        unsafe self.handle = handle
    }

    /// A function by the first of its spellings that the library has.
    ///
    /// The type is the C function's, `NAME_f` of the header; all spellings given must have it.
    func required<Function>(_ spellings: String..., as type: Function.Type) throws(NVMLError) -> Function {
        guard let function = look(up: spellings, as: type) else { throw .symbolMissing(spellings) }
        return function
    }

    /// A function that older libraries lack, or nil.
    func optional<Function>(_ spellings: String..., as type: Function.Type) -> Function? {
        look(up: spellings, as: type)
    }

    private func look<Function>(up spellings: [String], as type: Function.Type) -> Function? {
        for spelling in spellings {
            guard let symbol = unsafe dlsym(handle, spelling) else { continue }
            // SAFETY: the caller names the type that the header gives to this very function.
            return unsafe unsafeBitCast(symbol, to: type)
        }
        return nil
    }

    private static func find(in directories: [String]) throws(NVMLError) -> String {
        let candidates = directories.map { "\($0)/\(name)" }
        for candidate in candidates {
            do {
                return try SafePath.resolve(candidate)
            } catch  where error.isNotFound {
                continue
            } catch {
                throw .unsafeLibrary(error)
            }
        }
        throw .libraryNotFound(tried: candidates)
    }
}
