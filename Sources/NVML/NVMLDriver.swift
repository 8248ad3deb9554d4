internal import CNVML
internal import Linux
package import MIG
internal import Synchronization

/// The NVIDIA driver as the broker asks and changes it, through one session of its library for the daemon's life.
///
/// GPUs are named by UUID, instances by their ids; the library's handles never leave this target. Most answers about
/// instances and every change need CAP_SYS_ADMIN or the mig/config capability. Every call may block for as long as
/// the driver likes. The library is thread-safe, and so is this.
// SAFETY: the functions are immutable and thread-safe by the library's contract; the handles lie behind the mutex.
@safe package final class NVMLDriver: @unchecked Sendable {
    /// The path that the library was loaded from, links resolved.
    package let libraryPath: String
    let functions: NVMLFunctions
    let patience: Patience
    private let state = Mutex(State())

    /// What is read once, and again after anything that may have changed it.
    private struct State {
        var handles: [GPUUUID: DeviceHandle] = [:]
        var profiles: [GPUUUID: [GPUInstanceProfile]] = [:]
        var computeProfiles: [GPUUUID: [GPUInstanceProfileID: [ComputeInstanceProfile]]] = [:]
    }

    /// How long a destroy may find the instance in use right after its last compute instance went.
    ///
    /// The driver needs a few tenths of a second to let go (`facts/performance.md` 6); a real holder stays longer.
    package struct Patience: Sendable {
        package let milliseconds: Int
        package let pauseMilliseconds: Int

        package init(milliseconds: Int = 1000, pauseMilliseconds: Int = 20) {
            self.milliseconds = milliseconds
            self.pauseMilliseconds = pauseMilliseconds
        }
    }

    /// Loads the library and opens the session, which lasts until the driver is dropped.
    ///
    /// The root is the directory above `lib/libnvidia-ml.so.1`; nil is the system's own driver.
    package init(driver root: String?, patience: Patience = Patience()) throws(NVMLError) {
        let library = try NVMLLibrary(driver: root)
        let functions = try NVMLFunctions(library)
        // A machine without GPUs is no error: its daemon must start, and say so.
        if let initializeWithFlags = functions.initializeWithFlags {
            try Self.call("nvmlInitWithFlags") { initializeWithFlags(NVML_INIT_FLAG_NO_GPUS) }
        } else {
            try Self.call("nvmlInit_v2") { functions.initialize() }
        }
        libraryPath = library.path
        self.functions = functions
        self.patience = patience
    }

    deinit { _ = functions.shutdown() }

    /// The kernel driver's version, `580.105.08`.
    package func driverVersion() throws(NVMLError) -> String {
        try text("nvmlSystemGetDriverVersion", NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE) {
            unsafe functions.driverVersion($0, $1)
        }
    }

    /// The library's version, `13.580.105.08`.
    package func libraryVersion() throws(NVMLError) -> String {
        try text("nvmlSystemGetNVMLVersion", NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE) {
            unsafe functions.libraryVersion($0, $1)
        }
    }

    // MARK: - Handles and profiles that are kept

    /// The library's handle of a GPU; enumerates anew where it is not known.
    func device(_ uuid: GPUUUID) throws(NVMLError) -> DeviceHandle {
        if let known = state.withLock({ $0.handles[uuid] }) { return known }
        _ = try inventory()
        guard let found = state.withLock({ $0.handles[uuid] }) else { throw .noSuchGPU(uuid) }
        return found
    }

    /// Keeps what an enumeration found, and forgets what it did not find.
    func remember(_ handles: [GPUUUID: DeviceHandle]) {
        state.withLock { $0.handles = handles }
    }

    /// Forgets all handles and profiles: a mode change may have unbound and reset the GPU.
    func forget() {
        state.withLock { $0 = State() }
    }

    /// The profiles of a GPU, read once: they do not change while the driver is loaded and the mode stays.
    func keptProfiles(
        of uuid: GPUUUID, orRead read: () throws(NVMLError) -> [GPUInstanceProfile]
    ) throws(NVMLError) -> [GPUInstanceProfile] {
        if let known = state.withLock({ $0.profiles[uuid] }) { return known }
        let profiles = try read()
        // None at all is what a GPU says whose mode is off; somebody may turn it on.
        if !profiles.isEmpty { state.withLock { $0.profiles[uuid] = profiles } }
        return profiles
    }

    /// The compute instance profiles of a GPU instance profile, as they were read with the instances; empty where no
    /// instance of that profile has been read. Asks the driver nothing.
    package func knownComputeProfiles(
        in parent: GPUInstanceProfileID, of uuid: GPUUUID
    ) -> [ComputeInstanceProfile] {
        state.withLock { $0.computeProfiles[uuid]?[parent] } ?? []
    }

    /// The compute instance profiles of a GPU instance profile, read in one instance for all of them: they are the same
    /// in each.
    func keptComputeProfiles(
        in parent: GPUInstanceProfileID, of uuid: GPUUUID,
        orRead read: () throws(NVMLError) -> [ComputeInstanceProfile]
    ) throws(NVMLError) -> [ComputeInstanceProfile] {
        if let known = state.withLock({ $0.computeProfiles[uuid]?[parent] }) { return known }
        let profiles = try read()
        state.withLock { $0.computeProfiles[uuid, default: [:]][parent] = profiles }
        return profiles
    }
}
