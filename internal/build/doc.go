// Package build turns an appliance definition into images: it makes the plan
// ([NewPlan]) and knows how to run each kind of stage ([Makers]).
//
// One file per stage. The flow, with the artifacts that each stage yields:
//
//	boot-files   kernel, modules, GRUB and shim of the target release
//	base         the pared distribution as a tar
//	os           os.erofs.zst: base + kernel modules + agent
//	tree-SVC     the distribution with a service's packages (package services only)
//	app-SVC      app-SVC.erofs.zst
//	initrd       initrd: modules, ingot-init, and boot.json with all verity roots
//	slot         manifest.json over the files above
//	esp          the EFI system partition: shim, GRUB, its configuration, boot state
//	system-disk  system.raw: GPT, BIOS boot, ESP, ext4 with the slot
//	vmdk, ova, qcow2
//
// Nothing here needs root, a loop device or a mount. The same inputs give the
// same bytes: times are [epoch], IDs come from the definition's digest.
package build
