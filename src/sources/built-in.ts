// Made by 'npm run docs' out of sources/*.yaml; do not edit.
/** The source files that come with the program. */
export const BUILT_IN: readonly { readonly file: string; readonly data: unknown }[] = [
  {
    "file": "sources/alinux.yaml",
    "data": {
      "id": "alinux",
      "name": "Alibaba Cloud Linux",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "documentation of Alibaba Cloud Linux 3: repository alinux3-plus-debug",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://mirrors.aliyun.com/alinux/"
      ],
      "versionId": "^(\\d+)$",
      "repositories": [
        {
          "name": "plus-debug",
          "folders": [
            "<release>/plus/<arch>/debug",
            "<release>/plus/debug/<arch>"
          ]
        },
        {
          "name": "os-debug",
          "folders": [
            "<release>/os/<arch>/debug",
            "<release>/os/debug/<arch>"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/almalinux.yaml",
    "data": {
      "id": "almalinux",
      "name": "AlmaLinux",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "tree of repositories as Rocky Linux has it",
          "on": "2026-11-25"
        },
        {
          "what": "BTFHub's list of supported distributions: the first release with embedded BTF",
          "on": "2026-11-25"
        },
        {
          "what": "baseurl of baseos in the .repo files; Red Hat's documentation: kernel-core holds vmlinuz",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://repo.almalinux.org/almalinux/"
      ],
      "versionId": "^(\\d+\\.\\d+)$",
      "repositories": [
        {
          "name": "BaseOS",
          "folders": [
            "<release>/BaseOS/<arch>/debug/tree"
          ]
        },
        {
          "name": "BaseOS kernels",
          "folders": [
            "<release>/BaseOS/<arch>/os"
          ],
          "bootImagesOnly": true
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "bootImage": {
            "package": "kernel-core",
            "path": "./lib/modules/<uname>/vmlinuz"
          },
          "embeddedBtf": {
            "from": "4.18.0-193",
            "arches": [
              "x86_64",
              "aarch64"
            ]
          }
        },
        "rt": {
          "package": "kernel-rt-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/amzn.yaml",
    "data": {
      "id": "amzn",
      "name": "Amazon Linux 2 and 2023",
      "evidence": [
        {
          "what": "mirrorlist of amzn2-core-debuginfo and of amazonlinux-debuginfo in the .repo files",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [],
      "versionId": "^(2|2023)$",
      "arches": [
        "x86_64",
        "aarch64"
      ],
      "repositories": [
        {
          "name": "core of 2",
          "folders": [
            "2/core/2.0/<arch>/debuginfo/<variant>"
          ],
          "release": "2",
          "mirrorList": "https://cdn.amazonlinux.com/2/core/latest/debuginfo/<arch>/mirror.list"
        },
        {
          "name": "core of 2023",
          "folders": [
            "al2023/core/guids/<variant>/<arch>"
          ],
          "release": "2023",
          "mirrorList": "https://cdn.amazonlinux.com/al2023/core/mirrors/latest/debuginfo/<arch>/mirror.list"
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/anolis.yaml",
    "data": {
      "id": "anolis",
      "name": "Anolis OS",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "baseurl and gpgkey of .repo files for Anolis OS 8",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://mirrors.openanolis.cn/anolis/"
      ],
      "versionId": "^(\\d+(?:\\.\\d+)?)$",
      "repositories": [
        {
          "name": "BaseOS",
          "folders": [
            "<release>/BaseOS/<arch>/debug"
          ]
        },
        {
          "name": "kernel-5.10",
          "folders": [
            "<release>/kernel-5.10/<arch>/debug"
          ]
        },
        {
          "name": "os",
          "folders": [
            "<release>/os/<arch>/debug"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      },
      "keys": {
        "file": "/RPM-GPG-KEY-ANOLIS",
        "fingerprints": [
          "F87DB6522967855E986F840C619140084873F7C5"
        ]
      }
    }
  },
  {
    "file": "sources/bclinux.yaml",
    "data": {
      "id": "bclinux",
      "name": "BC-Linux for Euler",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "addresses of packages of oe21.10 in public installation notes",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://mirrors.cmecloud.cn/bclinux/"
      ],
      "versionId": "^(\\d+\\.\\d+)",
      "repositories": [
        {
          "name": "debuginfo",
          "folders": [
            "oe<release>/debuginfo/<arch>"
          ]
        },
        {
          "name": "OS",
          "folders": [
            "oe<release>/OS/<arch>"
          ]
        },
        {
          "name": "update",
          "folders": [
            "oe<release>/update/<arch>"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/centos.yaml",
    "data": {
      "id": "centos",
      "name": "CentOS Linux 7 and 8",
      "evidence": [
        {
          "what": "baseurl of debuginfo in the CentOS-Debuginfo.repo files of 7",
          "on": "2026-11-25"
        },
        {
          "what": "BTFHub's scripts: packages in the folder itself for 7, in Packages/ for 8",
          "on": "2026-11-25"
        },
        {
          "what": "BTFHub's list of supported distributions: the first release with embedded BTF",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "http://debuginfo.centos.org/"
      ],
      "versionId": "^([78])$",
      "repositories": [
        {
          "name": "debuginfo",
          "folders": [
            "<release>/<arch>"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "embeddedBtf": {
            "from": "4.18.0-193",
            "arches": [
              "x86_64",
              "aarch64"
            ]
          }
        }
      }
    }
  },
  {
    "file": "sources/ctyunos.yaml",
    "data": {
      "id": "ctyunos",
      "name": "CTyunOS",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "addresses of releases and of one update folder in public documentation",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://repo.ctyun.cn/hostos/"
      ],
      "versionId": "^(\\d+(?:\\.\\d+)*)$",
      "repositories": [
        {
          "name": "debuginfo",
          "folders": [
            "ctyunos-<release>/debuginfo/<arch>"
          ]
        },
        {
          "name": "update",
          "folders": [
            "ctyunos-<release>/update/<arch>"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/eur.yaml",
    "data": {
      "id": "openEuler",
      "key": "eur",
      "name": "EUR, the user repositories of openEuler",
      "evidence": [
        {
          "what": "baseurl and gpgkey of .repo files that projects publish",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [],
      "versionId": "^(\\d{2}\\.\\d{2})(?:_|$)",
      "repositories": [
        {
          "name": "project",
          "folders": [
            "openeuler-<release>-<arch>"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        },
        "rt": {
          "package": "kernel-rt-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      },
      "keys": {
        "file": "../pubkey.gpg",
        "fingerprints": []
      }
    }
  },
  {
    "file": "sources/fedora.yaml",
    "data": {
      "id": "fedora",
      "name": "Fedora Linux",
      "evidence": [
        {
          "what": "baseurl and metalink of fedora-debuginfo and updates-debuginfo in fedora.repo",
          "on": "2026-11-25"
        },
        {
          "what": "BTFHub's list of supported distributions: the first release with embedded BTF",
          "on": "2026-11-25"
        },
        {
          "what": "baseurl and metalink of fedora and updates in fedora.repo; the list of files of kernel-core 6.6.6",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [],
      "versionId": "^(\\d+)$",
      "releases": [
        "43",
        "44"
      ],
      "arches": [
        "x86_64",
        "aarch64",
        "ppc64le",
        "s390x"
      ],
      "repositories": [
        {
          "name": "releases",
          "folders": [
            "releases/<release>/Everything/<arch>/debug/tree"
          ],
          "mirrorList": "https://mirrors.fedoraproject.org/metalink?repo=fedora-debug-<release>&arch=<arch>"
        },
        {
          "name": "updates",
          "folders": [
            "updates/<release>/Everything/<arch>/debug"
          ],
          "mirrorList": "https://mirrors.fedoraproject.org/metalink?repo=updates-released-debug-f<release>&arch=<arch>"
        },
        {
          "name": "kernels of releases",
          "folders": [
            "releases/<release>/Everything/<arch>/os"
          ],
          "mirrorList": "https://mirrors.fedoraproject.org/metalink?repo=fedora-<release>&arch=<arch>",
          "bootImagesOnly": true
        },
        {
          "name": "kernels of updates",
          "folders": [
            "updates/<release>/Everything/<arch>"
          ],
          "mirrorList": "https://mirrors.fedoraproject.org/metalink?repo=updates-released-f<release>&arch=<arch>",
          "bootImagesOnly": true
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "bootImage": {
            "package": "kernel-core",
            "path": "./lib/modules/<uname>/vmlinuz"
          },
          "embeddedBtf": {
            "from": "5.6.0-1",
            "arches": [
              "x86_64",
              "aarch64"
            ]
          }
        }
      }
    }
  },
  {
    "file": "sources/kylin.yaml",
    "data": {
      "id": "kylin",
      "name": "Kylin Linux Advanced Server",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "baseurl of .repo files for V10 SP1 to SP3",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://update.cs2c.com.cn/"
      ],
      "versionId": {
        "match": "^(?<version>V\\d+)(?:SP.*)?$",
        "text": "<version>"
      },
      "repositories": [
        {
          "name": "updates",
          "folders": [
            "NS/V10/<release>/os/adv/lic/updates/<arch>"
          ]
        },
        {
          "name": "base",
          "folders": [
            "NS/V10/<release>/os/adv/lic/base/<arch>"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/ol.yaml",
    "data": {
      "id": "ol",
      "name": "Oracle Linux",
      "evidence": [
        {
          "what": "addresses of the debuginfo folders of 7 and 8 in BTFHub and in public set-up scripts",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://oss.oracle.com/"
      ],
      "versionId": "^(\\d+)$",
      "releases": [
        "7",
        "8",
        "9"
      ],
      "repositories": [
        {
          "name": "debuginfo",
          "folders": [
            "ol<release>/debuginfo"
          ],
          "packages": "listing"
        }
      ],
      "flavours": {
        "uek": {
          "package": "kernel-uek-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        },
        "rhck": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/openEuler.yaml",
    "data": {
      "id": "openEuler",
      "name": "openEuler",
      "evidence": [
        {
          "what": "the folders and key file of the published repositories and the spec files of the kernel packages",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://repo.openeuler.org/",
        "https://mirrors.aliyun.com/openeuler/",
        "https://mirrors.huaweicloud.com/openeuler/",
        "https://repo.openeuler.openatom.cn/",
        "https://de-repo.openeuler.org/"
      ],
      "versionId": "^(\\d{2}\\.\\d{2})(?:-|$)",
      "repositories": [
        {
          "name": "debuginfo",
          "folders": [
            "openEuler-<release>/debuginfo/<arch>",
            "openEuler-<release>/debuginfo/<arch>/<variant>/<arch>"
          ]
        },
        {
          "name": "update",
          "folders": [
            "openEuler-<release>/update/<arch>",
            "openEuler-<release>/update/<arch>/<variant>/<arch>"
          ]
        },
        {
          "name": "OS",
          "folders": [
            "openEuler-<release>/OS/<arch>",
            "openEuler-<release>/OS/<arch>/<variant>/<arch>"
          ],
          "bootImagesOnly": true
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "bootImage": {
            "package": "kernel",
            "path": "./boot/vmlinuz-<uname>"
          },
          "embeddedBtf": {
            "from": "5.10.0-52",
            "arches": [
              "x86_64",
              "aarch64"
            ]
          }
        },
        "rt": {
          "package": "kernel-rt-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "bootImage": {
            "package": "kernel-rt",
            "path": "./boot/vmlinuz-<uname>"
          }
        },
        "64kb": {
          "package": "kernel-64kb-debuginfo",
          "uname": "<ver>-<rel>.<arch>+64kb",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "bootImage": {
            "package": "kernel-64kb",
            "path": "./boot/vmlinuz-<uname>"
          }
        }
      },
      "keys": {
        "file": "RPM-GPG-KEY-openEuler",
        "fingerprints": [
          "12EA74AC9DF48D46C69CA0BED557065EB25E7F66",
          "8AA16BF9F2CA5244010DCA963B477C60B675600B"
        ]
      }
    }
  },
  {
    "file": "sources/opencloudos.yaml",
    "data": {
      "id": "opencloudos",
      "name": "OpenCloudOS",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "baseurl of .repo files for OpenCloudOS 8 and 9 and for OpenCloudOS Stream",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://mirrors.opencloudos.tech/opencloudos/",
        "https://mirrors.tencent.com/opencloudos/"
      ],
      "versionId": "^(\\d+(?:\\.\\d+)?)$",
      "repositories": [
        {
          "name": "BaseOS",
          "folders": [
            "<release>/BaseOS/<arch>/debug/tree",
            "<release>/BaseOS/<arch>/debug"
          ]
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/opensuse-leap.yaml",
    "data": {
      "id": "opensuse-leap",
      "name": "openSUSE Leap",
      "evidence": [
        {
          "what": "addresses of the debug repositories of Leap in public set-up scripts",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://download.opensuse.org/"
      ],
      "versionId": "^(\\d+\\.\\d+)$",
      "repositories": [
        {
          "name": "distribution",
          "folders": [
            "debug/distribution/leap/<release>/repo/oss"
          ]
        },
        {
          "name": "update",
          "folders": [
            "debug/update/leap/<release>/oss",
            "debug/update/leap/<release>/sle"
          ]
        }
      ],
      "flavours": {
        "default": {
          "package": "kernel-default-debuginfo",
          "uname": {
            "match": "^(?<version>[^-]+)-(?<number>.+)\\.\\d+\\.[^.]+$",
            "text": "<version>-<number>-default"
          },
          "vmlinux": [
            "./usr/lib/debug/boot/vmlinux-<uname>.debug",
            "./usr/lib/debug/usr/lib/modules/<uname>/vmlinux.debug",
            "./usr/lib/debug/lib/modules/<uname>/vmlinux.debug"
          ]
        }
      }
    }
  },
  {
    "file": "sources/opensuse-tumbleweed.yaml",
    "data": {
      "id": "opensuse-tumbleweed",
      "name": "openSUSE Tumbleweed",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "addresses of the debug repository in public set-up scripts",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://download.opensuse.org/"
      ],
      "versionId": "^(tumbleweed)$",
      "repositories": [
        {
          "name": "oss",
          "folders": [
            "debug/tumbleweed/repo/oss"
          ],
          "release": "tumbleweed"
        }
      ],
      "flavours": {
        "default": {
          "package": "kernel-default-debuginfo",
          "uname": {
            "match": "^(?<version>[^-]+)-(?<number>.+)\\.\\d+\\.[^.]+$",
            "text": "<version>-<number>-default"
          },
          "vmlinux": [
            "./usr/lib/debug/usr/lib/modules/<uname>/vmlinux.debug",
            "./usr/lib/debug/boot/vmlinux-<uname>.debug"
          ]
        }
      }
    }
  },
  {
    "file": "sources/rocky.yaml",
    "data": {
      "id": "rocky",
      "name": "Rocky Linux",
      "evidence": [
        {
          "what": "baseurl of baseos-debug in the .repo files of Rocky Linux 8 to 10",
          "on": "2026-11-25"
        },
        {
          "what": "BTFHub's list of supported distributions: the first release with embedded BTF",
          "on": "2026-11-25"
        },
        {
          "what": "baseurl of baseos in the .repo files; Red Hat's documentation: kernel-core holds vmlinuz",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [
        "https://dl.rockylinux.org/pub/rocky/"
      ],
      "versionId": "^(\\d+\\.\\d+)$",
      "repositories": [
        {
          "name": "BaseOS",
          "folders": [
            "<release>/BaseOS/<arch>/debug/tree"
          ]
        },
        {
          "name": "BaseOS kernels",
          "folders": [
            "<release>/BaseOS/<arch>/os"
          ],
          "bootImagesOnly": true
        }
      ],
      "flavours": {
        "stock": {
          "package": "kernel-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux",
          "bootImage": {
            "package": "kernel-core",
            "path": "./lib/modules/<uname>/vmlinuz"
          },
          "embeddedBtf": {
            "from": "4.18.0-193",
            "arches": [
              "x86_64",
              "aarch64"
            ]
          }
        },
        "rt": {
          "package": "kernel-rt-debuginfo",
          "uname": "<ver>-<rel>.<arch>",
          "vmlinux": "./usr/lib/debug/lib/modules/<uname>/vmlinux"
        }
      }
    }
  },
  {
    "file": "sources/sles.yaml",
    "data": {
      "id": "sles",
      "name": "SUSE Linux Enterprise Server",
      "status": "unconfirmed",
      "evidence": [
        {
          "what": "names and versions of kernel-default-debuginfo in public security notices",
          "on": "2026-11-25"
        }
      ],
      "mirrors": [],
      "versionId": {
        "match": "^(?<major>\\d+)-SP(?<pack>\\d+)$",
        "text": "<major>.<pack>"
      },
      "repositories": [
        {
          "name": "updates",
          "folders": [
            "SUSE/Updates/SLE-Module-Basesystem/<release>/<arch>/update_debug",
            "SUSE/Updates/SLE-SERVER/<release>/<arch>/update_debug"
          ]
        }
      ],
      "flavours": {
        "default": {
          "package": "kernel-default-debuginfo",
          "uname": {
            "match": "^(?<version>[^-]+)-(?<number>.+)\\.\\d+\\.[^.]+$",
            "text": "<version>-<number>-default"
          },
          "vmlinux": [
            "./usr/lib/debug/boot/vmlinux-<uname>.debug",
            "./usr/lib/debug/lib/modules/<uname>/vmlinux.debug"
          ]
        }
      }
    }
  }
];
