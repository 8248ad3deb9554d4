import MIG

/// One compute instance that stands somewhere now, with what records and plans say of it.
struct ComputeSeat {
    let gpu: GPU
    let gi: GPUInstanceID
    let id: ComputeInstanceID
    /// `1c.3g.20gb`
    let profile: String
    /// In compute slices of the GPU instance.
    let placement: Placement
    let device: MIGUUID?

    init(gpu: GPU, gi: GPUInstanceID, instance: ComputeInstance, in entry: Inventory.Entry) {
        self.gpu = gpu
        self.gi = gi
        id = instance.id
        profile = entry.name(of: instance, in: gi)
        placement = instance.placement
        device = instance.uuid
    }
}
