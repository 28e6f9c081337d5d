//! Remote directories as local ones: sshfs mounts, fstab entries and, without a mount, SFTP.
