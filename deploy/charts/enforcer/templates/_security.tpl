{{- define "enforcer.containerSecurity" -}}
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
# Root without any capability but these; files of the node that it writes are root's.
runAsUser: 0
runAsGroup: 0
capabilities:
  drop: [ALL]
  add:
  {{- toYaml .Values.security.capabilities | nindent 2 }}
  {{- if .Values.hostProcesses }}
  # /proc/PID/ns/net of another user's process is shown to tracers only.
  - SYS_PTRACE
  {{- end }}
seccompProfile:
  {{- toYaml .Values.security.seccompProfile | nindent 2 }}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}
appArmorProfile:
  {{- toYaml .Values.security.appArmorProfile | nindent 2 }}
{{- end }}
{{- with .Values.security.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The AppArmor profile as servers before 1.30 know it, which refuse the field. Later ones have the field, and are to pass over the annotation
one day (KEP-24).
*/}}
{{- define "enforcer.appArmorAnnotation" -}}
{{- $profile := .Values.security.appArmorProfile -}}
{{- if eq $profile.type "Unconfined" -}}
unconfined
{{- else if eq $profile.type "RuntimeDefault" -}}
runtime/default
{{- else -}}
localhost/{{ required "security.appArmorProfile.localhostProfile: the profile's name" $profile.localhostProfile }}
{{- end -}}
{{- end -}}
